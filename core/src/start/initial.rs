//! Points of finite density to start from.

use faer::{Mat, MatRef};

use super::evaluate::{Evaluate, StartError};

/// Half-widths of the cubes that are searched in turn. The first is Stan's.
const RADII: [f64; 5] = [2.0, 1.0, 0.25, 0.01, 0.0];
/// Points tried at each radius, as a multiple of the points wanted.
const TRIES: usize = 4;

/// A point of finite density, with its log density and score.
#[derive(Clone, Debug)]
pub struct InitialPoint {
    /// `[D]`.
    pub point: Vec<f64>,
    /// Log density.
    pub log_density: f64,
    /// `[D]`.
    pub score: Vec<f64>,
}

/// The first point of finite density on the way from the outermost cube to the origin: one is tried in each, for dimensions in
/// which several points are too much. `uniform` and `propose` are those of [`initial_points`].
///
/// # Errors
/// [`StartError::NoValidDraw`] if not even the origin has a finite density.
pub(super) fn first_point(
    dimension: usize,
    mut uniform: impl FnMut() -> f64,
    mut propose: impl FnMut(&mut [f64]),
    evaluate: &mut Evaluate<'_>,
) -> Result<Vec<f64>, StartError> {
    for radius in RADII {
        let mut point: Vec<f64> = (0..dimension).map(|_| radius * uniform()).collect();
        propose(&mut point);
        let column = MatRef::from_column_major_slice(&point, dimension, 1);
        if evaluate(column)?.valid[0] {
            return Ok(point);
        }
    }
    Err(StartError::NoValidDraw { draws: RADII.len() })
}

/// Up to `wanted` points of finite density: uniform in a cube about the origin, which shrinks while none is found.
///
/// `uniform` gives numbers in [-1, 1), and `propose` changes points where the target knows better. Half of the points tried first are those with the
/// highest density among their `TRIES`, the others are as they come, so that the paths from them differ.
///
/// # Errors
/// [`StartError::NoValidDraw`] if not even the origin has a finite density.
pub fn initial_points(
    dimension: usize,
    wanted: usize,
    mut uniform: impl FnMut() -> f64,
    mut propose: impl FnMut(&mut [f64]),
    evaluate: &mut Evaluate<'_>,
) -> Result<Vec<InitialPoint>, StartError> {
    let mut tried = 0;
    for radius in RADII {
        let count = if radius == 0.0 { 1 } else { TRIES * wanted };
        let mut points = Mat::from_fn(dimension, count, |_, _| radius * uniform());
        for point in points.col_iter_mut() {
            if let Some(point) = point.try_as_col_major_mut() {
                propose(point.as_slice_mut());
            }
        }
        let at = evaluate(points.as_ref())?;
        tried += count;
        let found: Vec<InitialPoint> = (0..count)
            .filter(|&s| at.valid[s])
            .map(|s| InitialPoint {
                point: points.col(s).iter().copied().collect(),
                log_density: at.log_density[s],
                score: at.score.col(s).iter().copied().collect(),
            })
            .collect();
        if !found.is_empty() {
            return Ok(spread(found, wanted));
        }
    }
    Err(StartError::NoValidDraw { draws: tried })
}

/// The best of the points for the first half of those wanted, then points in the order they came.
fn spread(mut found: Vec<InitialPoint>, wanted: usize) -> Vec<InitialPoint> {
    let best = wanted.div_ceil(2).min(found.len());
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by(|&a, &b| found[b].log_density.total_cmp(&found[a].log_density));
    order[best..].sort_unstable();
    order.truncate(wanted);
    let mut slots: Vec<Option<InitialPoint>> = found.drain(..).map(Some).collect();
    order.iter().filter_map(|&i| slots[i].take()).collect()
}
