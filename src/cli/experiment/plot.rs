//! Curves with bands on logarithmic axes, as SVG.

use svg::node::element::{Group, Path, Polyline, path::Data};

use super::statistics::Band;
use crate::cli::drawing::{GRID, colour, document, frame, line, rounded, text, vertical_text};

const PANEL_WIDTH: f64 = 300.0;
const PANEL_HEIGHT: f64 = 240.0;
/// Room for the labels of an axis, left of a panel and below it.
const MARGIN: f64 = 58.0;
const TOP: f64 = 34.0;
const LEGEND_WIDTH: f64 = 260.0;
/// Decades that are shown at most: what is further below the largest number is as good as zero.
const DECADES: f64 = 10.0;
/// The power of ten at which a vertical axis ends at the latest: errors are in standard deviations or nats, and what is as large as that
/// has diverged, however far.
const DIVERGED: f64 = 5.0;

/// One pair of axes.
pub struct Panel {
    pub vertical: String,
    pub horizontal: String,
    /// One for each entry of the legend.
    pub curves: Vec<Vec<(f64, Band)>>,
}

/// The panels side by side, with a legend.
pub fn draw(title: &str, legend: &[&str], panels: &[Panel]) -> String {
    let width = panels.len() as f64 * (PANEL_WIDTH + MARGIN) + LEGEND_WIDTH;
    let height = TOP + PANEL_HEIGHT + MARGIN;
    let mut document = document(width, height);
    document = document.add(text(title, MARGIN, 20.0, "start").set("font-size", 14));
    for (index, panel) in panels.iter().enumerate() {
        let left = index as f64 * (PANEL_WIDTH + MARGIN) + MARGIN;
        document = document.add(drawn(panel).set("transform", format!("translate({left},{TOP})")));
    }
    let left = width - LEGEND_WIDTH + 14.0;
    for (index, label) in legend.iter().enumerate() {
        let y = TOP + 12.0 + 18.0 * index as f64;
        let stroke =
            line(left, y - 4.0, left + 18.0, y - 4.0, colour(index)).set("stroke-width", 2);
        document = document
            .add(stroke)
            .add(text(label, left + 24.0, y, "start"));
    }
    document.to_string()
}

/// One panel, its upper left corner at the origin.
fn drawn(panel: &Panel) -> Group {
    let points = || panel.curves.iter().flatten();
    let horizontal = Axis::over(points().map(|point| point.0), f64::INFINITY, PANEL_WIDTH);
    let vertical = Axis::over(
        points().flat_map(|(_, band)| [band.low, band.median, band.high]),
        DIVERGED,
        PANEL_HEIGHT,
    );
    let (x, y) = (
        |value: f64| horizontal.place(value),
        |value: f64| PANEL_HEIGHT - vertical.place(value),
    );
    let mut group = Group::new();
    for (value, label) in horizontal.ticks() {
        let tick = text(&label, x(value), PANEL_HEIGHT + 16.0, "middle");
        group = group
            .add(line(x(value), 0.0, x(value), PANEL_HEIGHT, GRID))
            .add(tick);
    }
    for (value, label) in vertical.ticks() {
        group = group
            .add(line(0.0, y(value), PANEL_WIDTH, y(value), GRID))
            .add(text(&label, -5.0, y(value) + 4.0, "end"));
    }
    for (index, curve) in panel.curves.iter().enumerate() {
        let upper = curve.iter().map(|(at, band)| (x(*at), y(band.high)));
        let lower = curve.iter().rev().map(|(at, band)| (x(*at), y(band.low)));
        let mut outline = Data::new();
        for (position, point) in upper.chain(lower).enumerate() {
            outline = match position {
                0 => outline.move_to(rounded(point)),
                _ => outline.line_to(rounded(point)),
            };
        }
        let band = Path::new()
            .set("d", outline.close())
            .set("fill", colour(index))
            .set("fill-opacity", 0.15);
        let middle: Vec<String> = curve
            .iter()
            .map(|(at, band)| rounded((x(*at), y(band.median))))
            .map(|(x, y)| format!("{x},{y}"))
            .collect();
        let middle = Polyline::new()
            .set("points", middle.join(" "))
            .set("fill", "none")
            .set("stroke", colour(index))
            .set("stroke-width", 1.8);
        group = group.add(band).add(middle);
    }
    let below = text(
        &panel.horizontal,
        PANEL_WIDTH / 2.0,
        PANEL_HEIGHT + 34.0,
        "middle",
    );
    let beside = vertical_text(&panel.vertical, -42.0, PANEL_HEIGHT / 2.0);
    group
        .add(frame(PANEL_WIDTH, PANEL_HEIGHT))
        .add(below)
        .add(beside)
}

/// A logarithmic axis.
struct Axis {
    /// Powers of ten.
    from: f64,
    to: f64,
    length: f64,
}

impl Axis {
    /// Over all of the values that are positive and finite, up to a power of ten.
    fn over(values: impl Iterator<Item = f64>, highest: f64, length: f64) -> Self {
        let logs = values
            .filter(|v| v.is_finite() && *v > 0.0)
            .map(|value| value.log10().min(highest));
        let (least, most) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), log| {
            (least.min(log), most.max(log))
        });
        let (least, most) = if least <= most {
            (least, most)
        } else {
            (0.0, 1.0)
        };
        let (from, to) = (least.max(most - DECADES), most);
        let room = 0.03 * (to - from).max(0.3);
        Axis {
            from: from - room,
            to: to + room,
            length,
        }
    }

    /// How far along the axis a value is. What is beyond an end, or infinite, is at that end.
    fn place(&self, value: f64) -> f64 {
        let log = match value {
            value if value > 0.0 => value.log10(),
            value if value.is_nan() => self.to,
            _ => self.from,
        };
        self.length * ((log - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    /// Powers of ten, or fewer where there are many, or 1, 2, 5 between them where there are few.
    fn ticks(&self) -> Vec<(f64, String)> {
        let span = self.to - self.from;
        let every = (span / 6.0).ceil().max(1.0) as i32;
        let mantissas: &[f64] = if span < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        (self.from.floor() as i32..=self.to.ceil() as i32)
            .filter(|power| power.rem_euclid(every) == 0)
            .flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power)))
            .filter(|value| (self.from..=self.to).contains(&value.log10()))
            .map(|value| (value, tick_label(value)))
            .collect()
    }
}

fn tick_label(value: f64) -> String {
    if (0.009..2e4).contains(&value) {
        // Rounded, for powers of ten are not exact below one.
        format!("{}", (value * 1e3).round() / 1e3)
    } else {
        format!("{value:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_what_is_positive_and_keeps_the_rest_at_its_ends() {
        let axis = Axis::over([0.0, 0.01, f64::INFINITY, 1e9].into_iter(), 2.0, 1.0);
        assert!((axis.place(1.0) - 0.5).abs() < 1e-12);
        assert_eq!((axis.place(0.0), axis.place(f64::INFINITY)), (0.0, 1.0));
        let ticks: Vec<String> = axis.ticks().into_iter().map(|tick| tick.1).collect();
        assert_eq!(ticks, ["0.01", "0.1", "1", "10", "100"]);
    }

    #[test]
    fn a_figure_has_a_curve_and_a_band_for_every_entry_of_the_legend() {
        let band = Band {
            low: 0.5,
            median: 1.0,
            high: 2.0,
        };
        let panel = Panel {
            vertical: "error".into(),
            horizontal: "evaluations".into(),
            curves: vec![vec![(1.0, band), (10.0, band)]; 2],
        };
        let figure = draw("title", &["a", "b < c"], &[panel]);
        assert_eq!(figure.matches("<polyline").count(), 2);
        assert_eq!(figure.matches("<path").count(), 2);
        assert!(figure.contains("b &lt; c"), "{figure}");
    }
}
