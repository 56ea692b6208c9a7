//! Which arms of which nights are compared: `DIR` or `DIR:ARM`.

use std::path::{Path, PathBuf};

use super::side::Side;
use crate::bench::night::Night;
use crate::error::{Error, Result};

/// The nights that words name, and what of them is compared.
#[derive(Debug)]
pub struct Chosen {
    nights: Vec<Night>,
    base: Place,
    candidates: Vec<Place>,
}

/// An arm of one of the nights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    night: usize,
    arm: usize,
}

impl Chosen {
    /// Reads the nights. One word alone stands for its arms against the plan's `base`, or against
    /// the arm that it names; of several words each stands for one arm, and the first is the base.
    pub fn read(words: &[PathBuf]) -> Result<Chosen> {
        let mut nights: Vec<Night> = Vec::new();
        let mut named = Vec::new();
        for word in words {
            let (directory, arm) = split(word);
            let night = match nights.iter().position(|night| night.directory == directory) {
                Some(night) => night,
                None => {
                    nights.push(Night::read(&directory)?);
                    nights.len() - 1
                }
            };
            named.push((night, arm));
        }
        let place = |(night, arm): &(usize, Option<String>)| {
            Ok(Place { night: *night, arm: arm_of(&nights[*night], arm.as_deref())? })
        };
        let (base, candidates) = match named.as_slice() {
            [(night, arm)] => {
                let arm = arm.as_ref().or(nights[*night].plan.base.as_ref()).cloned();
                let base = place(&(*night, arm))?;
                let others = (0..nights[*night].plan.arms.len()).filter(|arm| *arm != base.arm);
                (base, others.map(|arm| Place { night: *night, arm }).collect())
            }
            [base, others @ ..] => {
                (place(base)?, others.iter().map(place).collect::<Result<Vec<Place>>>()?)
            }
            [] => return Err(Error::usage("there is nothing to compare")),
        };
        if candidates.is_empty() {
            let shown = nights[base.night].directory.display();
            return Err(Error::usage(format!(
                "{shown} has one arm, and nothing to compare it with"
            ))
            .hint("occtl bench compare BASE NEW compares arms of two directories"));
        }
        Ok(Chosen { nights, base, candidates })
    }

    /// What is compared with.
    pub fn base(&self) -> Side<'_> {
        self.side(self.base)
    }

    /// What is compared.
    pub fn candidates(&self) -> Vec<Side<'_>> {
        self.candidates.iter().map(|place| self.side(*place)).collect()
    }

    fn side(&self, place: Place) -> Side<'_> {
        Side { night: &self.nights[place.night], arm: place.arm }
    }
}

/// The directory and the arm that a word names. A directory whose name has a colon is taken as it
/// is.
fn split(word: &Path) -> (PathBuf, Option<String>) {
    if let (false, Some((directory, arm))) =
        (word.is_dir(), word.to_str().and_then(|word| word.rsplit_once(':')))
        && !directory.is_empty()
    {
        return (directory.into(), Some(arm.into()));
    }
    (word.into(), None)
}

/// The arm of a night that is meant; without a name its only one.
fn arm_of(night: &Night, name: Option<&str>) -> Result<usize> {
    let arms = &night.plan.arms;
    let shown = night.directory.display();
    let all = || arms.iter().map(|arm| arm.id.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => night.arm(name).ok_or_else(|| {
            Error::usage(format!("{shown} has no arm {name:?}")).hint(format!("it has {}", all()))
        }),
        None if arms.len() == 1 => Ok(0),
        None => Err(Error::usage(format!("which arm of {shown} is meant?"))
            .hint(format!("write {shown}:ARM, where ARM is one of {}", all()))),
    }
}
