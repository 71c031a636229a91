//! The straight line that is nearest to what was measured.

/// `y = start + slope × x`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub start: f64,
    pub slope: f64,
    /// R², the part of what differs that the line explains: 1 where all points lie on it.
    pub explained: f64,
    /// How far a point is from the line at most, as part of the line's height there.
    pub off: f64,
}

/// The line of least squares through two points or more.
pub fn line(points: &[(f64, f64)]) -> Line {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|it| it.0), mean(|it| it.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|point| of(point.0 - x, point.1 - y)).sum::<f64>();
    let slope = sum(&|x, y| x * y) / sum(&|x, _| x * x);
    let start = y - slope * x;
    let explained = 1.0 - sum(&|x, y| (y - slope * x).powi(2)) / sum(&|_, y| y * y);
    let off = points.iter().map(|(x, y)| (y / (start + slope * x) - 1.0).abs()).fold(0.0, f64::max);
    Line { start, slope, explained, off }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_a_line_give_that_line() {
        let found = line(&[(1.0, 5.0), (2.0, 7.0), (10.0, 23.0)]);
        assert_eq!(found, Line { start: 3.0, slope: 2.0, explained: 1.0, off: 0.0 });
    }

    #[test]
    fn what_grows_faster_is_off_the_line() {
        let found = line(&[(1.0, 1.0), (2.0, 4.0), (3.0, 9.0), (4.0, 16.0)]);
        assert!(found.explained < 0.98 && found.off > 0.1, "{found:?}");
    }
}
