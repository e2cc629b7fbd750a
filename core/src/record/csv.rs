//! Tables as text: draws in the format of Stan's samplers, and the trace.

use std::io::{self, Write};

use crate::draws::Draws;
use crate::target::Constrained;
use crate::trace::Trace;

/// What the comments at the head of a file of draws say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvHeader {
    /// The model's name.
    pub model: String,
    /// The algorithm and the family, with their options.
    pub method: String,
    /// The seed.
    pub seed: u64,
}

/// Writes draws as Stan's samplers do, for ArviZ, `stansummary` and the like: `lp__` (the log density, Jacobians
/// included), `lp_approx__` (the approximation's), then every quantity, `theta[1,2]` as `theta.1.2`.
///
/// The draws are independent, so the file calls itself one chain without warmup.
pub fn write_draws(out: &mut dyn Write, header: &CsvHeader, draws: &Draws) -> io::Result<()> {
    let table = &draws.constrained;
    let count = draws.log_density.len();
    write_head(out, header, "sample (Default)", count)?;
    write!(out, "lp__,lp_approx__")?;
    for column in &table.columns {
        write!(out, ",{}", stan_name(&column.name))?;
    }
    writeln!(out)?;
    for draw in 0..count {
        write_number(out, draws.log_density[draw])?;
        out.write_all(b",")?;
        write_number(out, draws.log_q[draw])?;
        if !table.columns.is_empty() {
            for &value in table.row(draw) {
                out.write_all(b",")?;
                write_number(out, value)?;
            }
        }
        writeln!(out)?;
    }
    write_end(out, count)
}

/// Writes quantities of a model alone, in the same format, as Stan's `generate_quantities` does.
pub fn write_quantities(
    out: &mut dyn Write,
    header: &CsvHeader,
    table: &Constrained,
) -> io::Result<()> {
    let count = table.draws();
    write_head(out, header, "generate_quantities", count)?;
    let names: Vec<String> = table.columns.iter().map(|c| stan_name(&c.name)).collect();
    writeln!(out, "{}", names.join(","))?;
    for draw in 0..count {
        for (column, &value) in table.row(draw).iter().enumerate() {
            if column > 0 {
                out.write_all(b",")?;
            }
            write_number(out, value)?;
        }
        writeln!(out)?;
    }
    write_end(out, count)
}

/// The comments before the names of the columns.
fn write_head(
    out: &mut dyn Write,
    header: &CsvHeader,
    method: &str,
    count: usize,
) -> io::Result<()> {
    writeln!(out, "# firebrand {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "# {}", header.method.replace('\n', " "))?;
    for line in [
        "stan_version_major = 2".into(),
        "stan_version_minor = 35".into(),
        "stan_version_patch = 0".into(),
        format!("model = {}", header.model.replace('\n', " ")),
        format!("method = {method}"),
        "  sample".into(),
        format!("    num_samples = {count}"),
        // There was none, and none is saved; but CmdStanPy refuses a file that says so.
        "    num_warmup = 1".into(),
        "    save_warmup = 0 (Default)".into(),
        "    thin = 1 (Default)".into(),
        "    algorithm = fixed_param".into(),
        "id = 1".into(),
        "random".into(),
        format!("  seed = {}", header.seed),
    ] {
        writeln!(out, "# {line}")?;
    }
    Ok(())
}

/// The comments after the draws. Readers know the end of the draws by them; one line would do for a person, not for CmdStanPy.
fn write_end(out: &mut dyn Write, count: usize) -> io::Result<()> {
    writeln!(out, "#\n# the end of {count} draws")
}

/// Writes a trace: `step`, `seconds`, `gradients`, `rejected` (empty, or why), then the algorithm's diagnostics, empty
/// where a step did not report one.
pub fn write_trace(out: &mut dyn Write, trace: &Trace) -> io::Result<()> {
    write!(out, "step,seconds,gradients,rejected")?;
    for name in &trace.names {
        write!(out, ",{}", quoted(name))?;
    }
    writeln!(out)?;
    for row in &trace.rows {
        let rejected = row.rejected.as_deref().map(quoted).unwrap_or_default();
        write!(
            out,
            "{},{:?},{},{rejected}",
            row.step, row.seconds, row.gradients
        )?;
        for column in 0..trace.names.len() {
            out.write_all(b",")?;
            match row.values.get(column) {
                Some(value) if !value.is_nan() => write_number(out, *value)?,
                _ => {}
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// `theta[1,2]` as Stan's files have it, `theta.1.2`.
fn stan_name(name: &str) -> String {
    name.replace(['[', ','], ".").replace(']', "")
}

/// Enough digits to read the same number back; `nan`, `inf` and `-inf` as C++ writes them.
fn write_number(out: &mut dyn Write, value: f64) -> io::Result<()> {
    if value.is_nan() {
        write!(out, "nan")
    } else {
        write!(out, "{value:?}")
    }
}

/// A field of a table, in quotes if it must be.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::StepReport;
    use crate::target::{Block, Column, Constrained};

    fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = vec![];
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn draws_have_comments_a_header_with_dots_and_exact_numbers() {
        let column = |name: &str| Column {
            name: name.into(),
            block: Block::Parameters,
        };
        let draws = Draws {
            log_density: vec![-1.5, f64::NEG_INFINITY],
            log_q: vec![0.1, 1e-300],
            constrained: Constrained {
                columns: vec![column("mu"), column("L[2,1]")],
                values: vec![1.0, 0.30000000000000004, f64::NAN, -2.0],
            },
        };
        let header = CsvHeader {
            model: "eight_schools".into(),
            method: "bam(batch: 32) with full-rank()".into(),
            seed: 7,
        };
        let written = text(|out| write_draws(out, &header, &draws));
        let (comments, table): (Vec<_>, Vec<_>) =
            written.lines().partition(|line| line.starts_with('#'));
        assert!(comments.contains(&"#     num_samples = 2"));
        assert!(comments.contains(&"#   seed = 7"));
        assert_eq!(
            table,
            [
                "lp__,lp_approx__,mu,L.2.1",
                "-1.5,0.1,1.0,0.30000000000000004",
                "-inf,1e-300,nan,-2.0"
            ]
        );
    }

    #[test]
    fn a_trace_has_a_row_for_every_step_and_quotes_reasons() {
        let mut trace = Trace::default();
        trace.taken(0, 0.5, 8, &StepReport::going([("elbo", -3.0)]));
        trace.rejected(1, 1.0, 16, "not finite, \"NaN\"".into());
        assert_eq!(
            text(|out| write_trace(out, &trace)),
            "step,seconds,gradients,rejected,elbo\n\
             0,0.5,8,,-3.0\n\
             1,1.0,16,\"not finite, \"\"NaN\"\"\",\n"
        );
    }
}
