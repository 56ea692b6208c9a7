//! Numbers as the sentences of a verdict have them.

/// A p value with its name.
pub fn p_value(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".into() } else { format!("p {p:.4}") }
}

/// A share as points of a rate: `10 points`.
pub fn points(share: f64) -> String {
    let points = (share * 1000.0).round() / 10.0;
    if points == 1.0 { "1 point".into() } else { format!("{points} points") }
}
