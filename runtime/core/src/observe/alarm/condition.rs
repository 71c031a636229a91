//! When an alarm begins: comparisons of what is measured.

use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// For one feed, target or route at least.
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Compare(Compare),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Compare {
    pub of: Of,
    /// Nothing for that which `any` or `all` asks.
    pub name: Option<String>,
    pub is: Measure,
    by: By,
    with: f64,
}

/// Whose measure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    Feed,
    Target,
    Route,
    #[serde(rename = "code table")]
    Codes,
    Table,
}

/// What is measured, times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How long nothing has come.
    Idle,
    Accepted,
    Rejected,
    RejectedPercent,
    Parked,
    Repaired,
    Queued,
    /// How long the message waits that has waited longest.
    Oldest,
    Delivered,
    Retried,
    Filtered,
    Misses,
    /// Of a table that is asked: how often it did not answer.
    Failures,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum By {
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
}

/// What is measured now.
pub trait Measured {
    /// All feeds, targets or routes.
    fn names(&self, of: Of) -> Vec<String>;

    fn value(&self, of: Of, name: &str, is: Measure) -> f64;
}

/// Whose measures are meant where no name is said.
type Bound = Vec<(Of, String)>;

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, measured: &dyn Measured) -> bool {
        self.holds_for(measured, &Bound::new())
    }

    fn holds_for(&self, measured: &dyn Measured, bound: &Bound) -> bool {
        match self {
            Condition::And(all) => all.iter().all(|it| it.holds_for(measured, bound)),
            Condition::Or(all) => all.iter().any(|it| it.holds_for(measured, bound)),
            Condition::Not(inner) => !inner.holds_for(measured, bound),
            Condition::Any(inner) => inner.iter().any(|it| it.each(measured).iter().any(|it_is| *it_is)),
            Condition::All(inner) => inner.iter().all(|it| it.each(measured).iter().all(|it_is| *it_is)),
            Condition::Compare(compare) => compare.value(measured, bound).is_some_and(|value| compare.holds(value)),
        }
    }

    /// Whether it holds for each of those that it asks without a name.
    fn each(&self, measured: &dyn Measured) -> Vec<bool> {
        let mut unnamed: Vec<Of> = Vec::new();
        self.walk(&mut |compare| {
            if compare.name.is_none() && !unnamed.contains(&compare.of) {
                unnamed.push(compare.of);
            }
        });
        let mut all = vec![Bound::new()];
        for of in unnamed {
            let names = measured.names(of);
            let with = |bound: &Bound, name: &String| [&bound[..], &[(of, name.clone())]].concat();
            all = all.iter().flat_map(|bound| names.iter().map(move |name| with(bound, name))).collect();
        }
        all.iter().map(|bound| self.holds_for(measured, bound)).collect()
    }

    /// Shows each comparison.
    pub fn walk(&self, see: &mut impl FnMut(&Compare)) {
        match self {
            Condition::And(all) | Condition::Or(all) | Condition::Any(all) | Condition::All(all) => {
                all.iter().for_each(|it| it.walk(see));
            }
            Condition::Not(inner) => inner.walk(see),
            Condition::Compare(compare) => see(compare),
        }
    }

    /// What each comparison measures now, by names of the project and numbers: `ehr.queued is 5210`.
    pub fn told(&self, measured: &dyn Measured) -> Vec<String> {
        let mut told = Vec::new();
        self.walk(&mut |compare| {
            let names = compare.name.clone().map_or_else(|| measured.names(compare.of), |name| vec![name]);
            for name in names {
                let value = measured.value(compare.of, &name, compare.is);
                // Of all routes those are told that matter.
                if compare.name.is_some() || compare.holds(value) {
                    told.push(format!("{name}.{} is {}", compare.is.word(), compare.is.written(value)));
                }
            }
        });
        told.dedup();
        told
    }
}

impl Compare {
    fn value(&self, measured: &dyn Measured, bound: &Bound) -> Option<f64> {
        let bound = || bound.iter().find(|(of, _)| *of == self.of).map(|(_, name)| name);
        let name = self.name.as_ref().or_else(bound)?;
        Some(measured.value(self.of, name, self.is))
    }

    fn holds(&self, value: f64) -> bool {
        match self.by {
            By::Less => value < self.with,
            By::LessOrEqual => value <= self.with,
            By::Greater => value > self.with,
            By::GreaterOrEqual => value >= self.with,
            By::Equal => (value - self.with).abs() < f64::EPSILON,
            By::NotEqual => (value - self.with).abs() >= f64::EPSILON,
        }
    }
}

impl Measure {
    /// Whether it is counted over a time, rather than standing at each moment.
    pub fn is_counted(self) -> bool {
        match self {
            Measure::Accepted | Measure::Rejected | Measure::RejectedPercent | Measure::Repaired => true,
            Measure::Delivered | Measure::Retried | Measure::Filtered | Measure::Misses | Measure::Failures => true,
            Measure::Idle | Measure::Parked | Measure::Queued | Measure::Oldest => false,
        }
    }

    /// As an alarm writes it.
    pub fn word(self) -> &'static str {
        match self {
            Measure::Idle => "idle",
            Measure::Accepted => "accepted",
            Measure::Rejected => "rejected",
            Measure::RejectedPercent => "rejected_percent",
            Measure::Parked => "parked",
            Measure::Repaired => "repaired",
            Measure::Queued => "queued",
            Measure::Oldest => "oldest",
            Measure::Delivered => "delivered",
            Measure::Retried => "retried",
            Measure::Filtered => "filtered",
            Measure::Misses => "misses",
            Measure::Failures => "failures",
        }
    }

    fn written(self, value: f64) -> String {
        match self {
            Measure::Idle | Measure::Oldest => format!("{:.0} s", value / 1_000.0),
            Measure::RejectedPercent => format!("{value:.1} %"),
            _ => format!("{value:.0}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Measured for Fixed {
        fn names(&self, _: Of) -> Vec<String> {
            vec!["a".to_owned(), "b".to_owned()]
        }

        fn value(&self, _: Of, name: &str, is: Measure) -> f64 {
            match (name, is) {
                ("b", Measure::Parked) => 3.0,
                ("ehr", Measure::Queued) => 5_001.0,
                _ => 0.0,
            }
        }
    }

    fn holds(text: &str) -> bool {
        serde_json::from_str::<Condition>(text).unwrap().holds(&Fixed)
    }

    #[test]
    fn conditions_are_held_to_what_is_measured() {
        let queued =
            |by: &str| format!(r#"{{"compare":{{"of":"target","name":"ehr","is":"queued","by":"{by}","with":5000}}}}"#);
        let parked = r#"{"compare":{"of":"route","name":null,"is":"parked","by":">","with":0}}"#;
        assert!(holds(&queued(">")) && !holds(&queued("<")));
        assert!(holds(&format!(r#"{{"any":[{parked}]}}"#)) && !holds(&format!(r#"{{"all":[{parked}]}}"#)));
        assert!(holds(&format!(r#"{{"not":{}}}"#, queued("<="))));
        assert!(holds(&format!(r#"{{"or":[{},{}]}}"#, queued("<"), queued(">"))));
        assert!(!holds(&format!(r#"{{"and":[{},{}]}}"#, queued("<"), queued(">"))));
        let any: Condition = serde_json::from_str(&format!(r#"{{"any":[{parked}]}}"#)).unwrap();
        assert_eq!(any.told(&Fixed), ["b.parked is 3"]);
    }
}
