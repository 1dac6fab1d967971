//! What is configured: the fold of the `config` stream.

use super::names::Names;
use super::{Catalogue, Event, NAMES_PER_CATALOGUE_MAX};
use crate::policy::{AcceptanceSla, Document, InForce, Kind, Policies, PolicyRef, shipped};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A published policy version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Name, version and hash.
    pub reference: PolicyRef,
    /// The policy.
    pub document: Document,
    /// Canonical JSON.
    pub source: String,
}

/// A policy version put in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// What it rules.
    pub kind: Kind,
    /// From when.
    pub effective_from: Timestamp,
    /// Which version.
    pub reference: PolicyRef,
}

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub label: String,
    /// The role.
    pub role: String,
    /// The secret's digest, in hexadecimal.
    pub digest: String,
    /// It is no longer good.
    pub revoked: bool,
}

/// What is configured. Cheap to clone: the parts are shared until they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    names: [Names; Catalogue::ALL.len()],
    published: Arc<BTreeMap<String, Published>>,
    activations: Arc<Vec<Activation>>,
    /// The policies in force from each instant on, ascending; the first from the beginning of time.
    segments: Arc<Vec<(Timestamp, Arc<Policies>)>>,
    keys: Arc<BTreeMap<String, Key>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            names: Default::default(),
            published: Arc::default(),
            activations: Arc::default(),
            segments: Arc::new(vec![(Timestamp::BEGINNING, shipped::policies())]),
            keys: Arc::default(),
        }
    }
}

impl State {
    /// The policies in force at `at`: of each kind the activation that is effective latest, and of equal ones the
    /// last made. Where none has been activated, the shipped ones.
    pub fn policies_at(&self, at: Timestamp) -> Arc<Policies> {
        let after = self.segments.partition_point(|(from, _)| *from <= at);
        let segment = self.segments.get(after.saturating_sub(1));
        segment.map_or_else(shipped::policies, |(_, policies)| Arc::clone(policies))
    }

    /// Whether `name` has been registered in `catalogue`. Names that a policy lists need not be.
    pub fn knows(&self, catalogue: Catalogue, name: &str) -> bool {
        self.catalogue(catalogue).is_some_and(|names| names.contains(name))
    }

    /// Whether `catalogue` has room for `more` names.
    pub fn has_room(&self, catalogue: Catalogue, more: usize) -> bool {
        let registered = self.catalogue(catalogue).map_or(0, Names::len);
        registered.saturating_add(more) <= NAMES_PER_CATALOGUE_MAX
    }

    /// The registered names, in alphabetical order.
    pub fn names(&self, catalogue: Catalogue) -> impl Iterator<Item = &str> {
        self.catalogue(catalogue).into_iter().flat_map(Names::iter)
    }

    /// The published version `name@version`.
    pub fn published(&self, name_and_version: &str) -> Option<&Published> {
        self.published.get(name_and_version)
    }

    /// The published acceptance policy of this reference.
    pub fn acceptance(&self, reference: &PolicyRef) -> Option<&AcceptanceSla> {
        let published = self.published(reference.name_and_version())?;
        match &published.document {
            Document::AcceptanceSla(sla) if published.reference == *reference => Some(sla),
            _ => None,
        }
    }

    /// Every published version, by name.
    pub fn all_published(&self) -> impl Iterator<Item = &Published> {
        self.published.values()
    }

    /// Every activation, in the order in which they were made.
    pub fn activations(&self) -> &[Activation] {
        &self.activations
    }

    /// The API key of this public id.
    pub fn key(&self, key: &str) -> Option<&Key> {
        self.keys.get(key)
    }

    /// Every API key with its public id, revoked ones included.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &Key)> {
        self.keys.iter().map(|(id, key)| (id.as_str(), key))
    }

    /// Folds `event`. Total: an activation of what was not published changes nothing.
    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::PolicyPublished { reference, document, source } => {
                let published = Published {
                    reference: reference.clone(),
                    document: (**document).clone(),
                    source: source.clone(),
                };
                let name = reference.name_and_version().to_owned();
                Arc::make_mut(&mut self.published).entry(name).or_insert(published);
            }
            Event::PolicyActivated { reference, effective_from } => {
                let Some(published) = self.published.get(reference.name_and_version()) else {
                    return;
                };
                let activation = Activation {
                    kind: published.document.kind(),
                    effective_from: *effective_from,
                    reference: published.reference.clone(),
                };
                Arc::make_mut(&mut self.activations).push(activation);
                self.segments = Arc::new(self.cut_segments());
            }
            Event::NameRegistered { catalogue, name } => {
                if let Some(names) = self.names.get_mut(*catalogue as usize) {
                    names.insert(name);
                }
            }
            Event::KeyCreated { key, label, role, digest } => {
                let created = Key {
                    label: label.clone(),
                    role: role.clone(),
                    digest: digest.clone(),
                    revoked: false,
                };
                Arc::make_mut(&mut self.keys).insert(key.clone(), created);
            }
            Event::KeyRevoked { key } => {
                if let Some(key) = Arc::make_mut(&mut self.keys).get_mut(key) {
                    key.revoked = true;
                }
            }
        }
    }

    fn catalogue(&self, catalogue: Catalogue) -> Option<&Names> {
        self.names.get(catalogue as usize)
    }

    /// One segment per instant from which something is in force.
    fn cut_segments(&self) -> Vec<(Timestamp, Arc<Policies>)> {
        let mut instants: BTreeSet<Timestamp> =
            self.activations.iter().map(|activation| activation.effective_from).collect();
        instants.insert(Timestamp::BEGINNING);
        // Stable: of equal instants the last activation made comes last, and so wins.
        let mut in_order: Vec<&Activation> = self.activations.iter().collect();
        in_order.sort_by_key(|activation| activation.effective_from);
        let mut policies = Policies::clone(&shipped::policies());
        let mut rest = in_order.into_iter().peekable();
        let mut segments = Vec::with_capacity(instants.len());
        for from in instants {
            while let Some(activation) =
                rest.next_if(|activation| activation.effective_from <= from)
            {
                if let Some(published) = self.published.get(activation.reference.name_and_version())
                {
                    put(&mut policies, published);
                }
            }
            segments.push((from, Arc::new(policies.clone())));
        }
        segments
    }
}

/// Puts one version in force among `policies`.
fn put(policies: &mut Policies, published: &Published) {
    fn in_force<P: Clone>(reference: &PolicyRef, policy: &P) -> InForce<P> {
        InForce { reference: reference.clone(), policy: Arc::new(policy.clone()) }
    }
    let reference = &published.reference;
    match &published.document {
        Document::StatusProcess(policy) => policies.process = in_force(reference, policy),
        Document::StagePlan(policy) => policies.stages = in_force(reference, policy),
        Document::SourceCatalogue(policy) => policies.sources = in_force(reference, policy),
        Document::Conversion(policy) => policies.conversion = in_force(reference, policy),
        Document::AcceptanceSla(policy) => policies.acceptance = in_force(reference, policy),
        Document::Attribution(policy) => policies.attribution = in_force(reference, policy),
    }
}
