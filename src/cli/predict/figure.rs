//! The figure of a prediction: how often what it says comes true.

use svg::node::element::{Circle, Group, Polyline};

use crate::cli::drawing::{GRID, colour, document, frame, line, rounded, text, vertical_text};

const SIDE: f64 = 300.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 34.0;
const MARGIN: f64 = 46.0;

/// Probabilities that were predicted, and frequencies that were found.
pub struct Reliability {
    pub title: &'static str,
    pub horizontal: &'static str,
    pub vertical: &'static str,
    /// From left to right.
    pub points: Vec<Point>,
}

/// One of them.
pub struct Point {
    pub predicted: f64,
    pub found: f64,
    /// How far `found` may be from `predicted` by chance.
    pub chance: f64,
    /// Of the rows, the share that it speaks of: its area.
    pub share: f64,
}

impl Reliability {
    /// As SVG: points would lie on the diagonal but for chance, which bars show.
    pub fn draw(&self) -> String {
        let (width, height) = (LEFT + SIDE + 20.0, TOP + SIDE + MARGIN);
        let page = document(width, height);
        let title = text(self.title, LEFT, 20.0, "start").set("font-size", 14);
        let panel = self
            .panel()
            .set("transform", format!("translate({LEFT},{TOP})"));
        page.add(title).add(panel).to_string()
    }

    fn panel(&self) -> Group {
        let (x, y) = (|value: f64| SIDE * value, |value: f64| SIDE * (1.0 - value));
        let mut group = Group::new();
        for tick in 0..=5 {
            let at = f64::from(tick) / 5.0;
            let label = format!("{at:.1}");
            group = group
                .add(line(x(at), 0.0, x(at), SIDE, GRID))
                .add(line(0.0, y(at), SIDE, y(at), GRID))
                .add(text(&label, x(at), SIDE + 16.0, "middle"))
                .add(text(&label, -5.0, y(at) + 4.0, "end"));
        }
        group = group.add(line(0.0, SIDE, SIDE, 0.0, "#606060"));
        for point in &self.points {
            let (low, high) = (
                point.predicted - point.chance,
                point.predicted + point.chance,
            );
            let at = x(point.predicted);
            let bar = line(at, y(low.max(0.0)), at, y(high.min(1.0)), "#909090");
            group = group.add(bar.set("stroke-width", 3).set("stroke-opacity", 0.5));
        }
        let places = self
            .points
            .iter()
            .map(|p| rounded((x(p.predicted), y(p.found))));
        let places: Vec<String> = places.map(|(x, y)| format!("{x},{y}")).collect();
        group = group.add(
            Polyline::new()
                .set("points", places.join(" "))
                .set("fill", "none")
                .set("stroke", colour(1)),
        );
        for point in &self.points {
            let (x, y) = rounded((x(point.predicted), y(point.found)));
            let (radius, _) = rounded((3.0 + 9.0 * point.share.sqrt(), 0.0));
            let circle = Circle::new().set("cx", x).set("cy", y).set("r", radius);
            group = group.add(circle.set("fill", colour(1)).set("fill-opacity", 0.7));
        }
        group
            .add(frame(SIDE, SIDE))
            .add(text(self.horizontal, SIDE / 2.0, SIDE + 34.0, "middle"))
            .add(vertical_text(self.vertical, -42.0, SIDE / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_stands_where_its_numbers_say_with_what_chance_gives() {
        let reliability = Reliability {
            title: "reliability",
            horizontal: "a < b",
            vertical: "b",
            points: vec![Point {
                predicted: 0.5,
                found: 0.75,
                chance: 0.7,
                share: 1.0,
            }],
        };
        let figure = reliability.draw();
        assert!(figure.contains("a &lt; b"), "{figure}");
        assert_eq!(figure.matches("<circle").count(), 1);
        for part in ["cx=\"150\"", "cy=\"75\"", "r=\"12\""] {
            assert!(figure.contains(part), "{part} is not in {figure}");
        }
        // The bar ends where probabilities do.
        assert!(figure.contains("y1=\"300\" y2=\"0\""), "{figure}");
    }
}
