//! The table of what was measured, with its reference and its goal.

/// What is to be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most so many times the reference.
    Ratio {
        /// How many times.
        most: f64,
        /// The unit of both values.
        unit: &'static str,
    },
    /// Less than a value; the reference only shows what the machine can do.
    Value {
        /// The value.
        under: f64,
        /// Its unit.
        unit: &'static str,
    },
}

/// One measured thing.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What it is.
    pub(crate) what: &'static str,
    /// The median of what was measured.
    pub(crate) measured: f64,
    /// The median of the reference.
    pub(crate) reference: f64,
    /// What the reference is.
    pub(crate) against: &'static str,
    /// What is to be reached.
    pub(crate) goal: Goal,
}

impl Line {
    /// Returns how many times the reference it is.
    fn ratio(&self) -> f64 {
        self.measured / self.reference
    }

    /// Tells whether the goal is met.
    pub(crate) fn is_met(&self) -> bool {
        match self.goal {
            Goal::Ratio { most, .. } => self.ratio() <= most,
            Goal::Value { under, .. } => self.measured < under,
        }
    }

    /// Returns the cells of its row.
    fn cells(&self) -> [String; 6] {
        let (unit, goal) = match self.goal {
            Goal::Ratio { most, unit } => (unit, format!("at most {most:.2} times")),
            Goal::Value { under, unit } => (unit, format!("under {under:.0} {unit}")),
        };
        let met = if self.is_met() { "met" } else { "missed" };
        [
            self.what.to_owned(),
            format!("{:.2} {unit}", self.measured),
            format!("{:.2} {unit} ({})", self.reference, self.against),
            format!("{:.2}", self.ratio()),
            goal,
            met.to_owned(),
        ]
    }
}

/// Returns the middle of several values, of an even number the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Renders the table.
pub(crate) fn render(lines: &[Line]) -> String {
    let head = ["what", "measured", "reference", "ratio", "goal", ""].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head)
        .chain(lines.iter().map(Line::cells))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let shown = rows.iter().map(|row| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_untouched_by_one_stray_value() {
        assert!((median(&[3.0, 100.0, 1.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(&[1.0, 3.0]) - 2.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_goal_is_a_ratio_or_a_value() {
        let line = |measured, goal| Line {
            what: "teardown",
            measured,
            reference: 6.0,
            against: "docker stack rm",
            goal,
        };
        let ratio = Goal::Ratio {
            most: 0.5,
            unit: "s",
        };
        let value = Goal::Value {
            under: 5.0,
            unit: "ms",
        };
        assert!(line(3.0, ratio).is_met() && !line(3.1, ratio).is_met());
        assert!(line(4.9, value).is_met() && !line(5.0, value).is_met());
        assert_eq!(
            render(&[line(2.5, ratio), line(12.0, value)]),
            "what      measured  reference                  ratio  goal\n\
             teardown  2.50 s    6.00 s (docker stack rm)   0.42   at most 0.50 times  met\n\
             teardown  12.00 ms  6.00 ms (docker stack rm)  2.00   under 5 ms          missed"
        );
    }
}
