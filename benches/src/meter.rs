//! What a process takes, as the kernel counts it, and what machine it ran on.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How often a running peer is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Clock ticks in a second, as /proc counts them on every Linux.
const TICKS: f64 = 100.0;

/// What a run took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Wall time in seconds.
    pub wall: f64,
    /// Processor time in seconds, user and system.
    pub cpu: f64,
    /// Largest resident memory in bytes.
    pub peak: u64,
}

/// Runs a command to its end.
///
/// # Panics
/// When it does not start, or fails.
pub fn run(command: &mut Command) -> Cost {
    let since = Instant::now();
    let mut child = command
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
    let mut peak = 0;
    // An ended process keeps its processor time until it is waited for; its memory is gone by then.
    while !ended(&child) {
        peak = peak.max(memory(child.id(), "VmHWM:"));
        std::thread::sleep(LOOK_EVERY);
    }
    let wall = since.elapsed().as_secs_f64();
    let cpu = processor_time(child.id());
    let status = child.wait().expect("a child can be waited for");
    assert!(status.success(), "{command:?}: {status}");
    Cost { wall, cpu, peak }
}

fn ended(child: &Child) -> bool {
    stat(child.id()).is_none_or(|fields| fields.first().is_none_or(|state| state == "Z"))
}

/// User and system time of a process so far, in seconds.
pub fn processor_time(pid: u32) -> f64 {
    let fields = stat(pid).unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok());
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / TICKS
}

/// The fields of /proc/PID/stat from the state on: names may have spaces and parentheses.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Writes everything to the disk, so that one run's rest is not the next run's burden.
pub fn settle_disk() {
    let _ = Command::new("sync").status();
}

/// The middle value; of an even number the mean of the two in the middle.
///
/// # Panics
/// When there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

/// The value below which this share of the values lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    values[at - 1]
}

/// The three load averages.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    words.join(" ")
}

/// One line about the machine.
pub fn machine() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let dovecot = first_line(&["dovecot", "--version"]);
    let mbsync = first_line(&["mbsync", "--version"]);
    let kernel = first_line(&["uname", "-r"]);
    let file_system = first_line(&[
        "findmnt",
        "-n",
        "-o",
        "FSTYPE",
        "-T",
        &std::env::temp_dir().display().to_string(),
    ]);
    format!(
        "{cores} cores ({processor}), Linux {kernel}, {file_system}, Dovecot {dovecot}, {mbsync}, load {}",
        load_average()
    )
}

fn first_line(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{median, percentile, run};
    use std::process::Command;

    #[test]
    fn the_middle_and_the_tail_are_found() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0]), 2.5);
        let mut values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.99), 99.0);
        assert_eq!(percentile(&mut [7.0], 0.5), 7.0);
    }

    #[test]
    fn a_run_has_its_costs() {
        let cost =
            run(Command::new("sh")
                .args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]));
        assert!(
            cost.wall > 0.0 && cost.cpu > 0.0 && cost.peak > 100_000,
            "{cost:?}"
        );
    }
}
