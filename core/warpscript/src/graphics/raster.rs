//! Filling: which pixels a path covers, and how much of them.

use super::path::{Path, Point};

/// Takes one row: its number and the coverage of each pixel, of 255.
pub(crate) type Row<'a> = &'a mut dyn FnMut(usize, &[u8]);

/// Where a path lies beside its pixels, as the reference has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grid {
    /// Where it says.
    Exact,
    /// Half a pixel further: with thin pens.
    Half,
    /// Its corners a quarter of a pixel behind the nearest: with thick pens.
    Corner,
}

/// Rows of samples in a row of pixels, with smooth edges.
const SAMPLES: usize = 8;

struct Edge {
    top: f64,
    bottom: f64,
    /// `x` at `top`.
    x: f64,
    slope: f64,
    winding: i32,
}

/// Calls `row` for every row of a picture that the path covers something of (non-zero winding).
///
/// Without `smooth` a pixel is covered when its centre is, with the path on a `grid`.
pub(crate) fn fill(path: &Path, size: (usize, usize), smooth: bool, grid: Grid, row: Row<'_>) {
    let (width, height) = size;
    let mut edges = edges(path, if smooth { Grid::Exact } else { grid });
    edges.sort_by(|a, b| a.top.total_cmp(&b.top));
    let samples = if smooth { SAMPLES } else { 1 };
    let mut next = 0;
    let mut active: Vec<usize> = Vec::new();
    let mut crossings: Vec<(f64, i32)> = Vec::new();
    let mut covered = vec![0.0f64; width];
    let mut bytes = vec![0u8; width];
    for y in 0..height {
        let mut any = false;
        for sample in 0..samples {
            let at = y as f64 + (sample as f64 + 0.5) / samples as f64;
            while next < edges.len() && edges[next].top <= at {
                active.push(next);
                next += 1;
            }
            active.retain(|edge| edges[*edge].bottom > at);
            crossings.clear();
            crossings.extend(active.iter().map(|index| {
                let edge = &edges[*index];
                (edge.x + (at - edge.top) * edge.slope, edge.winding)
            }));
            crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut winding = 0;
            for pair in crossings.windows(2) {
                winding += pair[0].1;
                if winding != 0 {
                    any |= cover(&mut covered, pair[0].0, pair[1].0, smooth);
                }
            }
        }
        if any {
            for (byte, share) in bytes.iter_mut().zip(&mut covered) {
                *byte = (*share / samples as f64 * 255.0 + 0.5).min(255.0) as u8;
                *share = 0.0;
            }
            row(y, &bytes);
        }
        if active.is_empty() && next == edges.len() {
            break;
        }
    }
}

/// Marks what lies between two places of a row; whether that is anything.
fn cover(covered: &mut [f64], from: f64, to: f64, smooth: bool) -> bool {
    let width = covered.len() as f64;
    if smooth {
        let (from, to) = (from.clamp(0.0, width), to.clamp(0.0, width));
        if from >= to {
            return false;
        }
        let last = (to.ceil() as usize).min(covered.len());
        for (x, share) in covered.iter_mut().enumerate().take(last).skip(from as usize) {
            *share += (to.min(x as f64 + 1.0) - from.max(x as f64)).max(0.0);
        }
        return true;
    }
    let first = (from - 0.5).ceil().clamp(0.0, width) as usize;
    let end = (to - 0.5).ceil().clamp(0.0, width) as usize;
    if first < end {
        covered[first..end].fill(1.0);
    }
    first < end
}

/// Contours with more points than these are curves.
const CORNERS_MAX: usize = 16;

fn edges(path: &Path, grid: Grid) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(path.len());
    let snapped = |value: f64| (value + 0.25).floor() + 0.25;
    // In steps of 1/1024, so that what a rotation leaves of rounding errors does not matter.
    let half = |value: f64| ((value + 0.5) * 1024.0).round() / 1024.0;
    for contour in &path.contours {
        // A curve moves as a whole with its start.
        let curved = contour.points.len() > CORNERS_MAX;
        let Some(start) = contour.points.first().copied() else { continue };
        let place = |point: Point| match grid {
            Grid::Exact => point,
            Grid::Half => (half(point.0), half(point.1)),
            Grid::Corner if curved => {
                (point.0 + snapped(start.0) - start.0, point.1 + snapped(start.1) - start.1)
            }
            Grid::Corner => (snapped(point.0), snapped(point.1)),
        };
        let next = contour.points.iter().cycle().skip(1);
        for (a, b) in contour.points.iter().zip(next) {
            let (a, b) = (place(*a), place(*b));
            let ((ax, ay), (bx, by), winding) = if a.1 <= b.1 { (a, b, 1) } else { (b, a, -1) };
            let slope = (bx - ax) / (by - ay);
            if ay < by && slope.is_finite() {
                edges.push(Edge { top: ay, bottom: by, x: ax, slope, winding });
            }
        }
    }
    edges
}

/// The pixels of a thin line, both ends included.
pub(crate) fn line(
    from: (i32, i32),
    to: (i32, i32),
    clip: [i32; 4],
    set: &mut dyn FnMut(i32, i32),
) {
    let (dx, dy) = (i64::from(to.0) - i64::from(from.0), i64::from(to.1) - i64::from(from.1));
    let steps = dx.abs().max(dy.abs());
    let [left, top, right, bottom] = clip.map(i64::from);
    // Only the steps whose pixels are inside.
    let (mut first, mut last) = (0, steps);
    for (start, delta, low, high) in
        [(i64::from(from.0), dx, left, right - 1), (i64::from(from.1), dy, top, bottom - 1)]
    {
        if delta.abs() == steps && steps > 0 {
            let (a, b) = ((low - start) * delta.signum(), (high - start) * delta.signum());
            first = first.max(a.min(b));
            last = last.min(a.max(b));
        }
    }
    for step in first..=last {
        let at = |start: i32, delta: i64| {
            if steps == 0 {
                return i64::from(start);
            }
            // Halves go towards the start.
            let moved = (2 * delta.abs() * step + steps - 1) / (2 * steps);
            i64::from(start) + moved * delta.signum()
        };
        let (x, y) = (at(from.0, dx), at(from.1, dy));
        if (left..right).contains(&x) && (top..bottom).contains(&y) {
            set(x as i32, y as i32);
        }
    }
}
