//! Random numbers that are the same for the same seed on every machine and in every version.

/// SplitMix64 (Steele, Lea, Flood 2014): one addition and one mixing function a number. It passes
/// the usual batteries of tests, and its state is one word.
#[derive(Clone, Debug)]
pub struct Generator(u64);

impl Generator {
    /// The generator of that seed.
    pub fn new(seed: u64) -> Generator {
        Generator(seed)
    }

    /// One of many generators of the same seed, each with numbers of its own.
    pub fn stream(seed: u64, stream: u32) -> Generator {
        let mut generator = Generator(seed ^ u64::from(stream).wrapping_mul(0xD1B5_4A32_D192_ED03));
        generator.next();
        generator
    }

    /// All 64 bits are random.
    // The bootstrap of a report draws hundreds of millions, and a call costs more than a number.
    #[inline(always)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, every number equally likely: the wide product's upper half.
    #[inline(always)]
    pub fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        (product >> 64) as usize
    }

    /// From 0 to just below 1, in steps of 2^-53: all that a double can tell apart there.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.below(last + 1);
            list.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first outputs of SplitMix64 with seed 1234567, as Rosetta Code and the reference in C
        // print them.
        let mut random = Generator::new(1_234_567);
        let seen: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(seen, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn every_order_of_three_is_about_equally_frequent() {
        let mut seen = std::collections::BTreeMap::new();
        for seed in 0..6000 {
            let mut list = [0, 1, 2];
            Generator::stream(seed, 1).shuffle(&mut list);
            *seen.entry(list).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|count| (850..1150).contains(count)), "{seen:?}");
    }

    #[test]
    fn shares_between_zero_and_one_are_spread_evenly() {
        let mut random = Generator::new(3);
        let mut tenths = [0; 10];
        for _ in 0..10_000 {
            tenths[(random.unit() * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1100).contains(count)), "{tenths:?}");
    }
}
