//! One batch with the backend: its groups, and how one bad append is kept from failing the others.

use super::desk::Keys;
use super::{Job, Model};
use crate::backend::{Error, LogBackend};
use crate::types::{Append, Bounce, ClaimChange, ClaimKey, StreamKey, Verdict};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;

/// A job, and how often it was decided again.
pub(super) struct Entry<M: Model> {
    pub(super) job: Box<dyn Job<M>>,
    pub(super) attempts: u8,
    /// Everything that it asked for when it was last told to wait.
    pub(super) asked: Keys,
    /// What of it is not loaded yet.
    pub(super) missing: Keys,
}

/// A job that decided.
pub(super) struct Drafted<M: Model> {
    pub(super) entry: Entry<M>,
    /// Claims that the decision rests on.
    pub(super) claims: Vec<ClaimKey>,
    /// Streams that the append writes, each once.
    pub(super) written: Vec<StreamKey>,
}

/// One append's verdict, or why it cannot be stored.
pub(super) type Landed = Result<Verdict, Arc<Error>>;

/// Where the verdicts come from. Fails only where the process must end.
pub(super) type Landing = Pin<Box<dyn Future<Output = Result<Vec<Landed>, Arc<Error>>> + Send>>;

/// A batch with the backend.
pub(super) struct Flight<M: Model> {
    pub(super) jobs: Vec<Drafted<M>>,
    pub(super) appends: Arc<[Append]>,
    pub(super) landing: Landing,
}

/// The claims that an append takes or lets go by name.
pub(super) fn changed_claims(append: &Append) -> impl Iterator<Item = ClaimKey> + '_ {
    append.claims.iter().filter_map(|change| match change {
        ClaimChange::Take(key, _) | ClaimChange::Release(key) => Some(*key),
        ClaimChange::ReleaseSubject(_) => None,
    })
}

/// Whether an append lets go of claims that it does not name.
pub(super) fn releases_subject(append: &Append) -> bool {
    append.claims.iter().any(|change| matches!(change, ClaimChange::ReleaseSubject(_)))
}

/// Numbers the groups of appends that rest on each other: those that share a stream or claim that one of them changes.
pub(super) fn group<M: Model>(jobs: &[Drafted<M>], appends: &mut [Append]) {
    if appends.len() < 2 {
        return;
    }
    let mut groups = Groups { parents: Vec::with_capacity(appends.len()) };
    let (mut streams, mut claims) = (HashMap::with_capacity(appends.len()), HashMap::new());
    for (job, append) in jobs.iter().zip(appends.iter()) {
        let this = groups.parents.len();
        groups.parents.push(this);
        for (stream, _) in &append.expect {
            groups.join(this, &streams, stream);
        }
        for key in &job.claims {
            groups.join(this, &claims, key);
        }
        for key in changed_claims(append) {
            groups.join(this, &claims, &key);
            claims.insert(key, this);
        }
        streams.extend(job.written.iter().map(|stream| (*stream, this)));
    }
    let mut members = vec![0_u32; appends.len()];
    for index in 0..appends.len() {
        if let Some(count) = members.get_mut(groups.root(index)) {
            *count += 1;
        }
    }
    for (index, append) in appends.iter_mut().enumerate() {
        let root = groups.root(index);
        let shared = members.get(root).is_some_and(|count| *count > 1);
        append.group = if shared { u32::try_from(root).ok() } else { None };
    }
}

/// Disjoint sets of indices, each named by its smallest member.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn root(&self, mut index: usize) -> usize {
        while let Some(parent) = self.parents.get(index).filter(|parent| **parent != index) {
            index = *parent;
        }
        index
    }

    fn join<K: Eq + Hash>(&mut self, this: usize, changed: &HashMap<K, usize>, key: &K) {
        if let Some(other) = changed.get(key) {
            let (one, two) = (self.root(this), self.root(*other));
            if let Some(parent) = self.parents.get_mut(one.max(two)) {
                *parent = one.min(two);
            }
        }
    }
}

/// Appends a batch. Where the backend finds something in it unacceptable, halves are tried apart until the offender
/// is alone, so that the others commit.
///
/// # Errors
/// The disk did not confirm a write, or the log has lost what it had confirmed: the process must end.
pub(super) async fn land(
    backend: Arc<dyn LogBackend>,
    batch: Arc<[Append]>,
) -> Result<Vec<Landed>, Arc<Error>> {
    let mut landed: Vec<Landed> = Vec::with_capacity(batch.len());
    let mut broken: HashSet<u32> = HashSet::new();
    let mut parts: Vec<Arc<[Append]>> = vec![batch];
    while let Some(part) = parts.pop() {
        match append(&*backend, &part, &mut broken).await {
            Ok(verdicts) => landed.extend(verdicts.into_iter().map(Ok)),
            Err(error @ (Error::NotDurable { .. } | Error::Receded { .. })) => {
                return Err(Arc::new(error));
            }
            Err(Error::Unacceptable { .. }) if part.len() > 1 => {
                let (one, two) = part.split_at(part.len() / 2);
                parts.push(two.into());
                parts.push(one.into());
            }
            Err(error) => {
                let error = Arc::new(error);
                broken.extend(part.iter().filter_map(|append| append.group));
                landed.extend(part.iter().map(|_| Err(Arc::clone(&error))));
            }
        }
    }
    Ok(landed)
}

/// Appends a part, without those whose group is already broken by an earlier part.
async fn append(
    backend: &dyn LogBackend,
    part: &Arc<[Append]>,
    broken: &mut HashSet<u32>,
) -> Result<Vec<Verdict>, Error> {
    let doomed = |append: &Append| append.group.is_some_and(|group| broken.contains(&group));
    let verdicts = if part.iter().any(doomed) {
        let sound: Arc<[Append]> = part.iter().filter(|append| !doomed(append)).cloned().collect();
        let followed = Arc::new(Bounce { followed: true, ..Bounce::default() });
        let appended = if sound.is_empty() { Vec::new() } else { backend.append(sound).await? };
        let mut verdicts = appended.into_iter();
        let verdict = |append| {
            if doomed(append) { Some(Verdict::Bounced(followed.clone())) } else { verdicts.next() }
        };
        part.iter().map_while(verdict).collect()
    } else {
        backend.append(part.clone()).await?
    };
    for (append, verdict) in part.iter().zip(&verdicts) {
        if !matches!(verdict, Verdict::Committed { .. }) {
            broken.extend(append.group);
        }
    }
    Ok(verdicts)
}
