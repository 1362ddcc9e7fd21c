//! The table of results, in Markdown that reads well as plain text.

use std::fmt::Write as _;

const HEADINGS: [&str; 6] = ["what", "measured", "peer, same run", "ratio", "goal", "met"];

/// One line of the table. Empty cells stay empty.
#[derive(Debug, Clone, Default)]
pub struct Row {
    what: String,
    measured: String,
    peer: String,
    ratio: String,
    goal: String,
    met: Option<bool>,
}

impl Row {
    /// A measurement without a peer or a goal: for information.
    pub fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            ..Self::default()
        }
    }

    /// Adds the peer, and how often its value fits into ours.
    #[must_use]
    pub fn peer(mut self, peer: impl Into<String>, ratio: f64) -> Self {
        self.peer = peer.into();
        self.ratio = if ratio < 0.095 {
            format!("{ratio:.4}")
        } else {
            format!("{ratio:.2}")
        };
        self
    }

    /// Adds the goal and whether it is met.
    #[must_use]
    pub fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = goal.into();
        self.met = Some(met);
        self
    }

    fn cells(&self) -> [String; 6] {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        [
            self.what.clone(),
            self.measured.clone(),
            self.peer.clone(),
            self.ratio.clone(),
            self.goal.clone(),
            met.to_owned(),
        ]
    }
}

/// All rows under their headings, columns aligned.
pub fn render(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let widths: [usize; 6] = std::array::from_fn(|column| {
        let width = |line: &[String; 6]| line[column].chars().count();
        lines.iter().map(width).max().unwrap_or(0)
    });
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            for width in widths {
                let _ = write!(text, "| {:-<width$} ", "");
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Row, render};

    #[test]
    fn columns_are_aligned() {
        let rows = [
            Row::new("a", "1 s").peer("2 s", 0.5).goal("<= 0.5", true),
            Row::new("bb", "3 s"),
        ];
        let text = render(&rows);
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        assert!(text.contains("| 0.50  | <= 0.5 | yes |"), "{text}");
    }
}
