//! Steps of which the server says that they cost nothing.

use crate::client::Limit;
use crate::client::wire::Info;
use crate::runner::session::prices::Prices;
use crate::runner::turn::Used;

/// Steps that cost nothing. Whether that is known to be true is asked when all messages are read.
#[derive(Default)]
pub struct Free {
    /// One step of each kind, and what all of that kind used.
    kinds: Vec<(Info, Used)>,
}

impl Free {
    /// Adds a step to `known` if it is known what it cost, and else keeps it here.
    pub fn take(&mut self, step: Info, known: &mut Used) {
        match step.cost {
            Some(cost) if cost > 0.0 => known.add_step(&step, Some(cost)),
            _ => self.add(step),
        }
    }

    fn add(&mut self, step: Info) {
        let kind = |one: &Info| {
            (one.provider.clone(), one.model.clone(), one.cost.is_some(), one.has_usage())
        };
        let at = self.kinds.iter().position(|(one, _)| kind(one) == kind(&step));
        match at {
            Some(at) => self.kinds[at].1.add_step(&step, None),
            None => {
                let mut used = Used::default();
                used.add_step(&step, None);
                self.kinds.push((step, used));
            }
        }
    }

    /// What all of them used, with what is known of their cost.
    pub fn priced(self, prices: &Prices) -> Used {
        let mut sum = Used::default();
        for (step, used) in self.kinds {
            match prices.cost(&step, Limit::Ordinary) {
                Some(_) => sum.add(&used.for_nothing()),
                None => sum.add(&used),
            }
        }
        sum
    }
}
