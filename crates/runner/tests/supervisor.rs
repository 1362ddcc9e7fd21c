//! Tasks that run, fail, panic, wake up and end.

use runner::{CancellationToken, Next, StepError, Supervisor, Task};
use std::time::Duration;
use store::wake::{Topic, Wakes};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(3600);

/// Says the number of each step, and does in it what `act` says.
struct Steps<F> {
    said: mpsc::UnboundedSender<u32>,
    step: u32,
    act: F,
}

impl<F> Task for Steps<F>
where
    F: FnMut(u32) -> Result<Next, StepError> + Send + 'static,
{
    async fn run_once(&mut self, _: &CancellationToken) -> Result<Next, StepError> {
        self.step += 1;
        let _ = self.said.send(self.step);
        (self.act)(self.step)
    }

    fn topics(&self) -> Vec<Topic> {
        vec![Topic::Events, Topic::Roster]
    }

    fn floor(&self) -> Duration {
        LONG
    }
}

fn steps<F>(act: F) -> (Steps<F>, mpsc::UnboundedReceiver<u32>)
where
    F: FnMut(u32) -> Result<Next, StepError> + Send + 'static,
{
    let (said, heard) = mpsc::unbounded_channel();
    (Steps { said, step: 0, act }, heard)
}

async fn hear(heard: &mut mpsc::UnboundedReceiver<u32>) -> u32 {
    timeout(Duration::from_secs(20), heard.recv())
        .await
        .expect("a step was taken")
        .expect("the task lives")
}

#[tokio::test]
async fn a_task_goes_on_while_there_is_more_and_wakes_at_any_of_its_topics() {
    let wakes = Wakes::default();
    let supervisor = Supervisor::new(wakes.clone());
    let (task, mut heard) = steps(|n| Ok(if n < 3 { Next::Now } else { Next::Idle }));
    supervisor.spawn("steps", task);
    for n in 1..=3 {
        assert_eq!(hear(&mut heard).await, n);
    }
    wakes.send_all(&[Topic::Roster]);
    assert_eq!(hear(&mut heard).await, 4);
    wakes.send_all(&[Topic::Events]);
    assert_eq!(hear(&mut heard).await, 5);
    assert!(supervisor.shutdown(LONG).await.is_empty());
    assert_eq!(heard.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_and_a_panic_only_cost_a_pause() {
    let supervisor = Supervisor::new(Wakes::default());
    let (task, mut heard) = steps(|n| match n {
        1 => Err("the database is away".into()),
        2 => panic!("a bug"),
        _ => Ok(Next::After(LONG)),
    });
    let begun = tokio::time::Instant::now();
    supervisor.spawn("steps", task);
    for n in 1..=3 {
        assert_eq!(hear(&mut heard).await, n);
    }
    let pause = begun.elapsed();
    assert!(
        pause >= Duration::from_secs(3) && pause < Duration::from_secs(4),
        "{pause:?}"
    );
    supervisor.shutdown(LONG).await;
}

#[tokio::test(start_paused = true)]
async fn stage_one_lets_a_step_finish_and_stage_two_drops_it() {
    let supervisor = Supervisor::new(Wakes::default());
    let (said, mut heard) = mpsc::unbounded_channel();
    let polite = said.clone();
    supervisor.run("polite", |stop| async move {
        stop.cancelled().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let _ = polite.send(1);
    });
    let deaf = supervisor.run("deaf", |_| async move {
        tokio::time::sleep(LONG).await;
        let _ = said.send(2);
    });
    supervisor.run("broken", |_| async { panic!("a bug") });
    let late = supervisor.shutdown(Duration::from_secs(5)).await;
    assert_eq!(late, ["deaf"]);
    assert!(deaf.is_finished());
    assert_eq!(heard.recv().await, Some(1));
    assert_eq!(heard.recv().await, None);
}

#[tokio::test]
async fn one_task_can_end_before_the_others() {
    let supervisor = Supervisor::new(Wakes::default());
    let (one, mut heard) = steps(|_| Ok(Next::Idle));
    let (other, mut alive) = steps(|_| Ok(Next::Idle));
    let handle = supervisor.spawn("one", one);
    supervisor.spawn("other", other);
    hear(&mut heard).await;
    hear(&mut alive).await;
    handle.stop();
    handle.finished().await;
    assert_eq!(heard.recv().await, None);
    assert!(alive.try_recv().is_err());
    let stuck = supervisor.run("stuck", |_| std::future::pending());
    stuck.abort();
    stuck.finished().await;
    assert!(supervisor.shutdown(LONG).await.is_empty());
}
