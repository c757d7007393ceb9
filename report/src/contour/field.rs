//! A field over a grid, and its contours by marching squares.

use std::collections::BTreeMap;

/// Grid lines in one direction at most; a finer field would be drawn no better.
const SIDE_MAX: usize = 1_024;

/// Values over a rectangular grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// By y, within it by x.
    values: Vec<f64>,
}

/// Why there is no field of these values.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The grid is too small or too large, or its lines do not ascend.
    #[error("the grid has {0} × {1} lines; give 2 to 1024 ascending finite numbers in each direction")]
    Grid(usize, usize),
    /// There are not as many values as grid points.
    #[error("the grid has {points} points, but there are {values} values; give one for each")]
    Values {
        /// Points of the grid.
        points: usize,
        /// Values given.
        values: usize,
    },
}

impl Field {
    /// Values by row: all of the first `y`, then of the next one. Values that are not finite leave holes.
    ///
    /// # Errors
    /// If the grid does not ascend, is too large, or has another number of points than there are values.
    pub fn new(xs: Vec<f64>, ys: Vec<f64>, values: Vec<f64>) -> Result<Self, FieldError> {
        let fine = |at: &[f64]| {
            (2..=SIDE_MAX).contains(&at.len())
                && at.iter().all(|v| v.is_finite())
                && at.windows(2).all(|pair| pair[0] < pair[1])
        };
        if !fine(&xs) || !fine(&ys) {
            return Err(FieldError::Grid(xs.len(), ys.len()));
        }
        if values.len() != xs.len() * ys.len() {
            return Err(FieldError::Values { points: xs.len() * ys.len(), values: values.len() });
        }
        Ok(Self { xs, ys, values })
    }

    /// The field of a function.
    ///
    /// # Errors
    /// If the grid does not ascend or is too large.
    pub fn from_fn(xs: Vec<f64>, ys: Vec<f64>, f: impl Fn(f64, f64) -> f64) -> Result<Self, FieldError> {
        let values = ys.iter().flat_map(|y| xs.iter().map(move |x| (*x, *y))).map(|(x, y)| f(x, y)).collect();
        Self::new(xs, ys, values)
    }

    /// Grid lines in x.
    #[must_use]
    pub fn xs(&self) -> &[f64] {
        &self.xs
    }

    /// Grid lines in y.
    #[must_use]
    pub fn ys(&self) -> &[f64] {
        &self.ys
    }

    /// Values of the `y` at `row`.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.xs.len()..(row + 1) * self.xs.len()]
    }

    /// The lines along which the field has the value `level`, each a chain of points; closed ones end where
    /// they begin. Linear between grid points; an ambiguous saddle is decided by the mean of its corners.
    #[must_use]
    pub fn contour(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        let mut segments = Vec::new();
        for row in 0..self.ys.len() - 1 {
            for column in 0..self.xs.len() - 1 {
                self.cell(column, row, level, &mut segments);
            }
        }
        let chains = chain(&segments);
        chains.iter().map(|chain| chain.iter().map(|edge| self.crossing(*edge, level)).collect()).collect()
    }

    fn value(&self, column: usize, row: usize) -> f64 {
        self.values[row * self.xs.len() + column]
    }

    /// The segments of one cell between the edges that the level crosses.
    fn cell(&self, column: usize, row: usize, level: f64, out: &mut Vec<(Edge, Edge)>) {
        let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(dx, dy)| self.value(column + dx, row + dy));
        if corners.iter().any(|value| !value.is_finite()) {
            return;
        }
        let above = corners.map(|value| value >= level);
        let bottom = Edge { column, row, upright: false };
        let edges = [
            bottom,
            Edge { column: column + 1, row, upright: true },
            Edge { column, row: row + 1, upright: false },
            Edge { column, row, upright: true },
        ];
        let crossed: Vec<usize> = (0..4).filter(|side| above[*side] != above[(side + 1) % 4]).collect();
        match crossed[..] {
            [a, b] => out.push((edges[a], edges[b])),
            [_, _, _, _] => {
                // A saddle: the corners on the centre's side are connected.
                let centre = corners.iter().sum::<f64>() / 4.0 >= level;
                let pairs = if above[0] == centre { [(0, 1), (2, 3)] } else { [(3, 0), (1, 2)] };
                out.extend(pairs.map(|(a, b)| (edges[a], edges[b])));
            }
            _ => {}
        }
    }

    /// Where the level lies on an edge.
    fn crossing(&self, edge: Edge, level: f64) -> (f64, f64) {
        let (column, row) = (edge.column, edge.row);
        let end = if edge.upright { (column, row + 1) } else { (column + 1, row) };
        let (a, b) = (self.value(column, row), self.value(end.0, end.1));
        let share = ((level - a) / (b - a)).clamp(0.0, 1.0);
        let between = |a: f64, b: f64| a + (b - a) * share;
        (between(self.xs[column], self.xs[end.0]), between(self.ys[row], self.ys[end.1]))
    }
}

/// An edge of the grid, from the point at `column` and `row` to the right or upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    row: usize,
    column: usize,
    upright: bool,
}

/// Joins segments that share an edge. Open chains come first, each from an end of it.
fn chain(segments: &[(Edge, Edge)]) -> Vec<Vec<Edge>> {
    let mut at: BTreeMap<Edge, Vec<usize>> = BTreeMap::new();
    for (index, (a, b)) in segments.iter().enumerate() {
        at.entry(*a).or_default().push(index);
        at.entry(*b).or_default().push(index);
    }
    let mut used = vec![false; segments.len()];
    let ends = at.iter().filter(|(_, touching)| touching.len() == 1).map(|(edge, _)| *edge);
    let starts: Vec<Edge> = ends.chain(segments.iter().map(|segment| segment.0)).collect();
    let chains = starts.into_iter().map(|start| follow(start, segments, &at, &mut used));
    chains.filter(|chain| chain.len() > 1).collect()
}

fn follow(
    start: Edge,
    segments: &[(Edge, Edge)],
    at: &BTreeMap<Edge, Vec<usize>>,
    used: &mut [bool],
) -> Vec<Edge> {
    let mut chain = vec![start];
    let mut here = start;
    while let Some(next) = at[&here].iter().copied().find(|index| !used[*index]) {
        used[next] = true;
        let (a, b) = segments[next];
        here = if a == here { b } else { a };
        chain.push(here);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(from: i32, to: i32, by: f64) -> Vec<f64> {
        (from..=to).map(|i| f64::from(i) * by).collect()
    }

    #[test]
    fn a_hill_has_one_closed_line_of_the_right_radius() {
        let at = grid(-20, 20, 0.1);
        let hill = Field::from_fn(at.clone(), at, |x, y| x * x + y * y).unwrap();
        let lines = hill.contour(1.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        assert!(lines[0].iter().all(|(x, y)| (x.hypot(*y) - 1.0).abs() < 0.01));
    }

    #[test]
    fn a_line_that_leaves_the_field_runs_from_border_to_border() {
        let slope = Field::from_fn(grid(0, 4, 1.0), grid(0, 4, 1.0), |x, y| x + y).unwrap();
        let lines = slope.contour(3.5);
        assert_eq!(lines.len(), 1);
        let ends = [lines[0][0], lines[0][lines[0].len() - 1]];
        assert!(ends.contains(&(3.5, 0.0)) && ends.contains(&(0.0, 3.5)), "{ends:?}");
    }

    #[test]
    fn a_saddle_keeps_its_lines_apart() {
        let saddle = Field::new(vec![0.0, 1.0], vec![0.0, 1.0], vec![1.0, 0.0, 0.0, 1.0]).unwrap();
        for level in [0.4, 0.6] {
            let lines = saddle.contour(level);
            assert_eq!(lines.len(), 2, "{level}: {lines:?}");
        }
        // Below the mean the two high corners are connected, so each line cuts off a low corner.
        let low = saddle.contour(0.4);
        assert!(low.iter().all(|line| line.iter().all(|(x, y)| (x - y).abs() >= 0.19)), "{low:?}");
    }

    #[test]
    fn holes_and_flat_fields_have_no_lines() {
        let hole = Field::new(vec![0.0, 1.0], vec![0.0, 1.0], vec![f64::NAN, 0.0, 1.0, 1.0]).unwrap();
        assert!(hole.contour(0.5).is_empty());
        let flat = Field::from_fn(grid(0, 3, 1.0), grid(0, 3, 1.0), |_, _| 0.5).unwrap();
        assert!(flat.contour(0.5).is_empty());
    }

    #[test]
    fn grids_that_are_none_are_refused() {
        assert_eq!(Field::new(vec![0.0], vec![0.0, 1.0], vec![]), Err(FieldError::Grid(1, 2)));
        assert_eq!(Field::new(vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0; 4]), Err(FieldError::Grid(2, 2)));
        let values = Field::new(vec![0.0, 1.0], vec![0.0, 1.0], vec![0.0; 3]);
        assert_eq!(values, Err(FieldError::Values { points: 4, values: 3 }));
    }
}
