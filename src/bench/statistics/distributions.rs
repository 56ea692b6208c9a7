//! Distributions: tails, quantiles, and the special functions below them.
//!
//! Every value is right to at least nine digits for up to a million runs or degrees of freedom; the
//! tests hold that against values of mpmath and against what must be true of any distribution.

use std::f64::consts::PI;

/// The natural logarithm of the gamma function, for positive numbers.
pub fn ln_gamma(x: f64) -> f64 {
    (x - 0.5) * x.ln() - x + LN_ROOT_OF_CIRCLE + stirling_rest(x)
}

/// ln √(2π).
const LN_ROOT_OF_CIRCLE: f64 = 0.918_938_533_204_672_7;

/// What Stirling's formula (x - ½) ln x - x + ln √(2π) lacks of the logarithm of the gamma
/// function: Stirling's series (Abramowitz and Stegun 6.1.41) from 15 upwards, where its first six
/// terms give all digits of a double, and the recurrence of the gamma function below.
fn stirling_rest(x: f64) -> f64 {
    /// Where the series begins.
    const ENOUGH: f64 = 15.0;
    let series = |x: f64| {
        let square = 1.0 / (x * x);
        let coefficients = [1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
        coefficients.iter().fold(-691.0 / 360_360.0, |sum, next| sum * square + next) / x
    };
    if x >= ENOUGH {
        return series(x);
    }
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < ENOUGH {
        product *= shifted;
        shifted += 1.0;
    }
    let formula = |x: f64| (x - 0.5) * x.ln() - x;
    formula(shifted) + series(shifted) - product.ln() - formula(x)
}

/// The natural logarithm of the number of ways to choose `few` of `many`. `few` is at most `many`.
pub fn ln_choose(many: u64, few: u64) -> f64 {
    if few == 0 || few >= many {
        return 0.0;
    }
    let ln_factorial = |n: u64| ln_gamma(n as f64 + 1.0);
    ln_factorial(many) - ln_factorial(few) - ln_factorial(many - few)
}

/// The regularised incomplete beta function I_x(a, b) at `x`, with `rest` = 1 - x: a caller that
/// knows both loses no digits where one of them is tiny. By the continued fraction DLMF 8.17.22,
/// taken at the end where it converges quickly.
fn beta_share(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // x^a (1 - x)^b / B(a, b). The three large logarithms of the beta function would cancel each
    // other and most of their digits; so their large parts are joined with the powers (Loader
    // 2000).
    let sum = a + b;
    let powers = a * (sum * x / a).ln() + b * (sum * rest / b).ln();
    let rests = stirling_rest(sum) - stirling_rest(a) - stirling_rest(b);
    let front = (a * b / (2.0 * PI * sum)).sqrt() * (powers + rests).exp();
    if x < (a + 1.0) / (sum + 2.0) {
        front / (a * beta_fraction(x, a, b))
    } else {
        1.0 - front / (b * beta_fraction(rest, b, a))
    }
}

/// The denominator 1 + d1/(1 + d2/(1 + ...)) of the continued fraction, by Lentz's method (1976) as
/// Thompson and Barnett (1986) mended it.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    /// In place of a zero, by which the method would divide.
    const TINY: f64 = 1e-300;
    /// The fraction needs about the square root of the larger parameter; this suffices for 10^9.
    const MOST_TERMS: u32 = 100_000;
    let kept_off_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut fraction, mut upper, mut lower) = (1.0, 1.0, 0.0);
    for term in 1..=MOST_TERMS {
        let m = f64::from(term / 2);
        let d = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        lower = 1.0 / kept_off_zero(1.0 + d * lower);
        upper = kept_off_zero(1.0 + d / upper);
        let change = upper * lower;
        fraction *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// The density of the standard normal distribution.
fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// The probability that a standard normal number is above `x`: the series 26.2.11 of Abramowitz and
/// Stegun in the middle, their continued fraction 26.2.14 beyond it, where the series would lose
/// the digits of small tails.
pub fn normal_upper(x: f64) -> f64 {
    /// From here on the fraction gives all digits with `TERMS` terms.
    const MIDDLE: f64 = 3.0;
    const TERMS: u32 = 100;
    if x < 0.0 {
        return 1.0 - normal_upper(-x);
    }
    if x >= MIDDLE {
        let fraction = (1..=TERMS).rev().fold(x, |below, term| x + f64::from(term) / below);
        return normal_density(x) / fraction;
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 - normal_density(x) * sum
}

/// The number below which a standard normal one is with a probability between 0 and 1.
pub fn normal_quantile(probability: f64) -> f64 {
    quantile(probability, normal_upper, normal_density)
}

/// The probability that a number of Student's t distribution (1908) is above `x`. `degrees` of
/// freedom are positive.
pub fn t_upper(x: f64, degrees: f64) -> f64 {
    let both = degrees + x * x;
    let tail = 0.5 * beta_share(degrees / both, x * x / both, 0.5 * degrees, 0.5);
    if x < 0.0 { 1.0 - tail } else { tail }
}

/// The number below which one of Student's t distribution is with a probability between 0 and 1.
/// `degrees` of freedom are positive.
pub fn t_quantile(probability: f64, degrees: f64) -> f64 {
    let ln_front = ln_gamma(0.5 * degrees + 0.5) - ln_gamma(0.5 * degrees);
    let front = ln_front.exp() / (degrees * PI).sqrt();
    let density = |x: f64| front * (1.0 + x * x / degrees).powf(-0.5 * (degrees + 1.0));
    quantile(probability, |x| t_upper(x, degrees), density)
}

/// A quantile of a distribution that is symmetric around zero and falls on both sides of it.
/// Newton's method begins at zero: the upper tail is convex there, so each step stays below the
/// answer, and the first one that does not go up has found it.
fn quantile(
    probability: f64,
    upper_tail: impl Fn(f64) -> f64,
    density: impl Fn(f64) -> f64,
) -> f64 {
    let tail = probability.min(1.0 - probability);
    if tail <= 0.0 {
        return if probability < 0.5 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let mut x = 0.0;
    loop {
        let next = x + (upper_tail(x) - tail) / density(x);
        // The last digits of the tail are noise, and could let steps go up for ever.
        if next <= x * (1.0 + 1e-15) || !next.is_finite() {
            break;
        }
        x = next;
    }
    if probability < 0.5 { -x } else { x }
}

/// The probability of at most `most` successes in `runs` runs that each succeed with `rate`.
pub fn binomial_lower(most: u64, runs: u64, rate: f64) -> f64 {
    if most >= runs {
        return 1.0;
    }
    beta_share(1.0 - rate, rate, (runs - most) as f64, most as f64 + 1.0)
}

/// The probabilities of the possible numbers of passes of one arm, from `least` upwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypergeometric {
    /// The smallest possible number.
    pub least: u32,
    /// The probability of `least`, of `least + 1` and so on; they sum to 1.
    pub weights: Vec<f64>,
}

/// Of `first + second` runs, `passes` passed: how many of those were among the `first` runs, if it
/// makes no difference which runs they were. `passes` is at most the number of runs.
///
/// The weights are built from the most likely number outwards by the ratio of neighbours, and
/// scaled at the end, so that nothing overflows and small tails keep all their digits.
pub fn hypergeometric(first: u32, second: u32, passes: u32) -> Hypergeometric {
    let least = passes.saturating_sub(second);
    let most = passes.min(first);
    let (n_first, n_second, m) = (f64::from(first), f64::from(second), f64::from(passes));
    // The probability of `k + 1` as a multiple of that of `k`.
    let ratio = |k: u32| {
        let k = f64::from(k);
        (n_first - k) * (m - k) / ((k + 1.0) * (n_second - m + k + 1.0))
    };
    let likely = (n_first + 1.0) * (m + 1.0) / (n_first + n_second + 2.0);
    let likely = (likely as u32).clamp(least, most.max(least));
    let mut weights = vec![1.0; (most.max(least) - least) as usize + 1];
    for k in likely..most {
        weights[(k - least) as usize + 1] = weights[(k - least) as usize] * ratio(k);
    }
    for k in (least..likely).rev() {
        weights[(k - least) as usize] = weights[(k - least) as usize + 1] / ratio(k);
    }
    let sum: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    Hypergeometric { least, weights }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, is_probability};
    use super::*;

    /// Equal to nine significant digits, so that small tails count as well.
    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn special_functions_have_the_values_of_mpmath() {
        near(ln_gamma(0.5), 0.572_364_942_924_700_1);
        close(ln_gamma(1.0), 0.0);
        near(ln_gamma(3.25), 0.935_801_931_108_725_4);
        near(ln_gamma(14.9), 24.924_132_002_217_277);
        near(ln_gamma(15.0), 25.191_221_182_738_68);
        near(ln_gamma(5000.0), 37_582.626_315_685_35);
        near(ln_choose(10, 3).exp(), 120.0);
        assert_eq!((ln_choose(7, 0), ln_choose(7, 7), ln_choose(0, 0)), (0.0, 0.0, 0.0));
        near(beta_share(0.3, 1.0 - 0.3, 0.5, 4.0), 0.898_778_484_206_133_5);
        near(beta_share(0.9, 1.0 - 0.9, 20.0, 3.0), 0.620_040_938_411_903_4);
        near(beta_share(0.5, 1.0 - 0.5, 1000.0, 1000.0), 0.5);
        near(beta_share(0.001, 1.0 - 0.001, 2.5, 0.5), 1.074_073_542_730_722_9e-8);
        near(beta_share(0.2, 1.0 - 0.2, 300.0, 1100.0), 0.094_747_683_990_769_5);
    }

    #[test]
    fn the_normal_distribution_has_the_values_of_mpmath() {
        near(normal_upper(0.0), 0.5);
        near(normal_upper(0.5), 0.308_537_538_725_986_9);
        near(normal_upper(-1.0), 1.0 - 0.158_655_253_931_457_05);
        near(normal_upper(2.9), 0.001_865_813_300_384_038);
        near(normal_upper(3.0), 0.001_349_898_031_630_094_5);
        near(normal_upper(6.0), 9.865_876_450_376_98e-10);
        near(normal_upper(20.0), 2.753_624_118_606_233_7e-89);
        close(normal_quantile(0.8), 0.841_621_233_572_914_2);
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(normal_quantile(0.999_999), 4.753_424_308_822_899);
    }

    #[test]
    fn the_distribution_of_student_has_the_values_of_mpmath() {
        near(t_upper(1.0, 1.0), 0.25);
        near(t_upper(2.5, 3.0), 0.043_853_323_504_032_77);
        near(t_upper(0.3, 7.5), 0.386_161_329_284_389_04);
        near(t_upper(12.0, 499.0), 1.262_004_699_589_953_3e-29);
        near(t_upper(2.0, 100_000.0), 0.022_751_481_728_753_23);
        near(t_quantile(0.975, 1.0), 12.706_204_736_174_705);
        near(t_quantile(0.975, 7.0), 2.364_624_251_592_784_4);
        near(t_quantile(0.8, 7.0), 0.896_029_644_313_765);
        near(t_quantile(0.975, 39.0), 2.022_690_920_036_761);
        near(t_quantile(0.9, 4.5), 1.500_885_317_508_557_5);
        near(t_quantile(0.9995, 499.0), 3.310_130_570_397_798_5);
    }

    #[test]
    fn quantiles_undo_tails_and_are_symmetric_around_zero() {
        for at in 1..100 {
            let probability = f64::from(at) / 100.0;
            close(1.0 - normal_upper(normal_quantile(probability)), probability);
            close(normal_quantile(probability), -normal_quantile(1.0 - probability));
            for degrees in [1.0, 2.0, 7.0, 39.0, 10_000.0] {
                let x = t_quantile(probability, degrees);
                close(1.0 - t_upper(x, degrees), probability);
                close(x, -t_quantile(1.0 - probability, degrees));
            }
        }
        assert_eq!(t_quantile(0.5, 3.0), 0.0);
        assert_eq!((normal_quantile(0.0), t_quantile(1.0, 2.0)), (-f64::INFINITY, f64::INFINITY));
        assert!(t_quantile(1e-12, 1.0) < -1e11, "a heavy tail ends");
    }

    #[test]
    fn tails_fall_and_those_of_student_approach_the_normal_one() {
        let steps = (-80..80).map(|step| f64::from(step) / 10.0);
        for x in steps {
            assert!(normal_upper(x) > normal_upper(x + 0.1), "{x}");
            assert!(t_upper(x, 4.0) > t_upper(x + 0.1, 4.0), "{x}");
            assert!((t_upper(x, 1e6) - normal_upper(x)).abs() < 2e-7, "{x}");
            close(t_upper(x, 4.0) + t_upper(-x, 4.0), 1.0);
        }
        let quantiles: Vec<f64> = (1..50).map(|n| t_quantile(0.975, f64::from(n))).collect();
        assert!(quantiles.is_sorted_by(|a, b| a > b), "{quantiles:?}");
    }

    #[test]
    fn binomial_tails_have_the_values_of_mpmath() {
        near(binomial_lower(2, 12, 0.5), 0.019_287_109_375);
        near(binomial_lower(0, 10, 0.1), 0.348_678_440_1);
        near(binomial_lower(480, 1000, 0.5), 0.108_724_146_602_070_47);
        near(binomial_lower(7, 20, 0.3), 0.772_271_797_418_160_5);
        assert_eq!((binomial_lower(0, 0, 0.5), binomial_lower(9, 9, 0.5)), (1.0, 1.0));
        let tails: Vec<f64> = (0..=30).map(|most| binomial_lower(most, 30, 0.4)).collect();
        assert!(tails.is_sorted() && tails.iter().all(|tail| is_probability(*tail)), "{tails:?}");
    }

    #[test]
    fn hypergeometric_weights_are_shares_of_binomial_coefficients() {
        let five = hypergeometric(5, 5, 3);
        assert_eq!((five.least, five.weights.len()), (0, 4));
        for (weight, ways) in five.weights.iter().zip([10.0, 50.0, 50.0, 10.0]) {
            near(*weight, ways / 120.0);
        }
        let uneven = hypergeometric(4, 5, 7);
        assert_eq!((uneven.least, uneven.weights.len()), (2, 3));
        for (weight, ways) in uneven.weights.iter().zip([6.0, 20.0, 10.0]) {
            near(*weight, ways / 36.0);
        }
        for (first, second, passes) in [(0, 0, 0), (5, 0, 3), (0, 5, 3), (5, 5, 0), (5, 5, 10)] {
            assert_eq!(hypergeometric(first, second, passes).weights, [1.0]);
        }
    }

    #[test]
    fn hypergeometric_weights_keep_sum_and_symmetry_for_thousands_of_runs() {
        for (first, second, passes) in [(3000, 5000, 4000), (5000, 3000, 1), (20, 7, 13)] {
            let one = hypergeometric(first, second, passes);
            let other = hypergeometric(second, first, passes);
            close(one.weights.iter().sum(), 1.0);
            for (weight, mirrored) in one.weights.iter().zip(other.weights.iter().rev()) {
                close(*weight, *mirrored);
            }
        }
    }
}
