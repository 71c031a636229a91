//! What is said of many times.

use std::time::Duration;

/// The time that this part of them does not exceed: 0.99.
pub fn quantile(times: &mut [Duration], part: f64) -> Duration {
    times.sort_unstable();
    let at = ((times.len() as f64 * part).ceil() as usize).saturating_sub(1);
    times.get(at).copied().unwrap_or_default()
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds with what can be told.
pub fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// The slope of the line that is nearest to the points.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 / count, sum.1 + point.1 / count));
    let products = points.iter().map(|point| ((point.0 - x) * (point.1 - y), (point.0 - x).powi(2)));
    let (both, square) = products.fold((0.0, 0.0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
    both / square
}
