//! The parts that figures are drawn of, as SVG.

use svg::Document;
use svg::node::element::{Line, Rectangle, Text};

/// Colours that are told apart with any kind of colour vision (Okabe and Ito).
const COLOURS: [&str; 7] = [
    "#D55E00", "#0072B2", "#56B4E9", "#009E73", "#CC79A7", "#E69F00", "#000000",
];

/// The colour of lines that numbers are read off by.
pub const GRID: &str = "#E0E0E0";

/// A white page.
pub fn document(width: f64, height: f64) -> Document {
    Document::new()
        .set("viewBox", (0.0, 0.0, width, height))
        .set("width", width)
        .set("height", height)
        .set("font-family", "sans-serif")
        .set("font-size", 11)
        .add(rectangle(0.0, 0.0, width, height).set("fill", "white"))
}

/// The frame of a panel whose upper left corner is the origin.
pub fn frame(width: f64, height: f64) -> Rectangle {
    rectangle(0.0, 0.0, width, height)
        .set("fill", "none")
        .set("stroke", "#606060")
}

/// Text that is read from below, its middle at a point.
pub fn vertical_text(content: &str, x: f64, y: f64) -> Text {
    text(content, 0.0, 0.0, "middle").set("transform", format!("translate({x},{y}) rotate(-90)"))
}

/// A tenth of a pixel is enough.
pub fn rounded((x, y): (f64, f64)) -> (f64, f64) {
    ((10.0 * x).round() / 10.0, (10.0 * y).round() / 10.0)
}

/// The colour of a curve by its position in the legend.
pub fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// A line from one point to another.
pub fn line(x1: f64, y1: f64, x2: f64, y2: f64, stroke: &str) -> Line {
    let (x1, y1) = rounded((x1, y1));
    let (x2, y2) = rounded((x2, y2));
    Line::new()
        .set("x1", x1)
        .set("y1", y1)
        .set("x2", x2)
        .set("y2", y2)
        .set("stroke", stroke)
}

/// A rectangle by its upper left corner.
pub fn rectangle(x: f64, y: f64, width: f64, height: f64) -> Rectangle {
    Rectangle::new()
        .set("x", x)
        .set("y", y)
        .set("width", width)
        .set("height", height)
}

/// Text at a point, which is its `start`, `middle` or `end`.
pub fn text(content: &str, x: f64, y: f64, anchor: &str) -> Text {
    let (x, y) = rounded((x, y));
    Text::new(content)
        .set("x", x)
        .set("y", y)
        .set("text-anchor", anchor)
}
