//! Running other programs so that none of them outlives this one.
//!
//! Each runs in a process group of its own. A signal to this program ends the group, first politely; and when a
//! program has ended, in whatever way, so has everything that it started, wherever that has moved to.

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, set_child_subreaper,
    waitid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a program has to end after being asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Why a command could not be run.
#[derive(Debug)]
pub(crate) enum Error {
    /// A signal ended it.
    Stopped,
    /// Something else went wrong.
    Failed {
        /// What was attempted.
        attempt: String,
        /// Why it failed.
        source: Box<dyn std::error::Error>,
    },
}

impl Error {
    pub(crate) fn failed(
        attempt: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error>>,
    ) -> Self {
        Self::Failed { attempt: attempt.into(), source: source.into() }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("stopped by a signal"),
            Self::Failed { attempt, source } => write!(formatter, "could not {attempt}: {source}"),
        }
    }
}

/// Runs programs one after the other.
pub(crate) struct Runner {
    shared: Arc<Shared>,
}

struct Shared {
    now: Mutex<Now>,
    ended: Condvar,
}

/// What is going on.
#[derive(Default)]
struct Now {
    /// The group that is running, by the process that leads it.
    group: Option<Pid>,
    /// Programs that run beside, and stay when others have ended.
    beside: Vec<Pid>,
    /// Whether a signal has come.
    stopped: bool,
}

impl Shared {
    /// A poisoned lock is as good as any: what it guards is two plain values.
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runner {
    /// A runner that listens for signals.
    ///
    /// # Errors
    /// The system lets it neither listen nor adopt orphans.
    pub(crate) fn new() -> Result<Self, Error> {
        // Programs whose parent ends become children of this one, so that they can be found.
        set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|error| Error::failed("adopt orphaned processes", error))?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
            .map_err(|error| Error::failed("listen for signals", error))?;
        let shared = Arc::new(Shared { now: Mutex::default(), ended: Condvar::new() });
        let listener = Arc::clone(&shared);
        std::thread::spawn(move || {
            for _ in signals.forever() {
                stop(&listener);
            }
        });
        Ok(Self { shared })
    }

    /// Starts a program that runs beside the others until whoever is given it ends it. Signals do not reach it.
    ///
    /// # Errors
    /// It could not be started, or a signal has come.
    pub(crate) fn start(&self, command: &mut Command) -> Result<Child, Error> {
        command.process_group(0).stdin(Stdio::null());
        let mut now = self.shared.lock();
        if now.stopped {
            return Err(Error::Stopped);
        }
        let child = command.spawn().map_err(|error| failed(error, command))?;
        now.beside.extend(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
        Ok(child)
    }

    /// Waits for a signal.
    pub(crate) fn until_stopped(&self) {
        let now = self.shared.lock();
        drop(self.shared.ended.wait_while(now, |now| !now.stopped));
    }

    /// Runs `command` to its end; whether it succeeded. Nothing that it started is left.
    ///
    /// # Errors
    /// It could not be started, or a signal has come.
    pub(crate) fn run(&self, command: &mut Command) -> Result<bool, Error> {
        command.process_group(0).stdin(Stdio::null());
        let mut child = {
            let mut now = self.shared.lock();
            if now.stopped {
                return Err(Error::Stopped);
            }
            let child = command.spawn().map_err(|error| failed(error, command))?;
            now.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            child
        };
        let group = self.shared.lock().group;
        if let Some(group) = group {
            wait_for(group, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            // Its number is not given to another process before it is reaped below.
            ignore(kill_process_group(group, Signal::KILL));
        }
        let status = child.wait().map_err(|error| failed(error, command))?;
        let beside = self.shared.lock().beside.clone();
        sweep(&beside);
        let mut now = self.shared.lock();
        now.group = None;
        self.shared.ended.notify_all();
        if now.stopped { Err(Error::Stopped) } else { Ok(status.success()) }
    }
}

/// Ends the running group: politely, and after [`GRACE`] by force.
fn stop(shared: &Shared) {
    let mut now = shared.lock();
    now.stopped = true;
    shared.ended.notify_all();
    let Some(group) = now.group else { return };
    ignore(kill_process_group(group, Signal::TERM));
    let waited = shared.ended.wait_timeout_while(now, GRACE, |now| now.group == Some(group));
    let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
    if timeout.timed_out() && now.group == Some(group) {
        ignore(kill_process_group(group, Signal::KILL));
    }
}

/// Waits until a child has ended, and reaps it unless `options` say not to.
fn wait_for(child: Pid, options: WaitIdOptions) {
    while matches!(waitid(WaitId::Pid(child), options), Err(rustix::io::Errno::INTR)) {}
}

fn failed(error: io::Error, program: &Command) -> Error {
    Error::failed(format!("run {}", program.get_program().display()), error)
}

/// Ends and reaps the children that are left but for those that run beside: orphans of programs that have ended.
fn sweep(beside: &[Pid]) {
    loop {
        let mut orphans = children();
        orphans.retain(|orphan| !beside.contains(orphan));
        if orphans.is_empty() {
            return;
        }
        for orphan in orphans {
            ignore(kill_process(orphan, Signal::KILL));
            // Their own children become ours at their end, and are found in the next round.
            wait_for(orphan, WaitIdOptions::EXITED);
        }
    }
}

/// The children of this process, as Linux lists them for each thread.
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|number| number.parse().ok().and_then(Pid::from_raw))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Ending what has ended already is no failure.
pub(crate) fn ignore(_: Result<(), rustix::io::Errno>) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, as a runner looks after all children of its process.
    #[test]
    fn nothing_outlives_the_program_that_started_it() {
        let runner = Runner::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.arg("-c").arg(script).current_dir(&folder);
            command
        };
        assert!(!runner.run(&mut shell("exit 3")).unwrap());
        // One stays in the group, one moves out of it.
        let script = "sleep 600 & echo $! > one; setsid sh -c 'echo $$ > two; exec sleep 600' & \
                      while ! test -s two; do :; done";
        assert!(runner.run(&mut shell(script)).unwrap());
        for file in ["one", "two"] {
            let number = std::fs::read_to_string(folder.path().join(file)).unwrap();
            let number = Pid::from_raw(number.trim().parse().unwrap()).unwrap();
            assert!(rustix::process::test_kill_process(number).is_err(), "{file} is left");
        }
        // What runs beside stays.
        let mut beside = runner.start(Command::new("sleep").arg("600")).unwrap();
        assert!(runner.run(&mut shell("exit 0")).unwrap());
        assert!(beside.try_wait().unwrap().is_none());
        beside.kill().unwrap();
        beside.wait().unwrap();
        let missing = runner.run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(missing.to_string().starts_with("could not run no-such-program"), "{missing}");
        // A signal ends what runs, and what would have run next does not start.
        let parent = std::process::id();
        let stopped = runner.run(&mut shell(&format!("kill -TERM {parent}; sleep 600")));
        assert!(matches!(stopped, Err(Error::Stopped)));
        assert!(matches!(runner.run(&mut shell("exit 0")), Err(Error::Stopped)));
    }
}
