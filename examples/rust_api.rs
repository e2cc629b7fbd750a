//! The Rust API on the example of the walk-through: compile a model, fit it, read draws and verdict.
//!
//! ```text
//! cargo run --release --example rust_api
//! ```

use std::error::Error;
use std::path::Path;

use firebrand::{Data, Model, Placement, fit};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/eight_schools");
    let model = Model::from_file(&folder.join("eight_schools.stan"))?;
    let data = Data::from_file(&folder.join("eight_schools.json"))?;
    let posterior = model.compile(&data, &Placement::cpu())?;
    let fitted = fit(&posterior)
        .inference("prox-score")
        .family("full-rank")
        .seed(1)
        .run()?;

    for quantity in fitted
        .summary
        .iter()
        .filter(|quantity| quantity.name.starts_with("effect"))
    {
        println!(
            "{}: {:5.2} +- {:.2}",
            quantity.name, quantity.mean, quantity.sd
        );
    }
    // Any question about the draws is a question about vectors of numbers.
    let (first, third) = (fitted.draws_of("effect[1]"), fitted.draws_of("effect[3]"));
    if let (Some(first), Some(third)) = (first, third) {
        let better = first.iter().zip(&third).filter(|(a, b)| a > b).count();
        println!(
            "school 1 gains more than school 3 in {:.0}% of draws",
            100.0 * better as f64 / first.len() as f64
        );
    }
    println!("verdict: {}", fitted.verdict);
    Ok(())
}
