//! Removes an app and proves that nothing of it is left.
//!
//! Networks go only when no container is listed any more: removed earlier, each would leak an address of the shared
//! proxy network (moby issue 37338), which is why neither `docker stack rm` nor `abra app undeploy` is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::classify::in_one_line;
use crate::{
    model::{
        app::StackName,
        event::TeardownFinished,
        outcome::millis,
        resource::{Resource, ResourceKind},
    },
    sys::{
        beside::beside,
        interrupt::Interrupt,
        wait::{Deadline, pause},
    },
    tool::docker::{
        client::{Docker, Error},
        inventory::Object,
    },
};

/// How long nothing of the app may be seen before it counts as gone: a volume can be born after removal returned.
pub(crate) const QUIET: Duration = Duration::from_secs(2);
/// How long an object is tried that docker refuses to remove although no container of the app is left.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Which objects belong to an app.
#[derive(Clone, Debug)]
pub(crate) struct Belongings {
    /// The app's stack.
    pub(crate) stack: StackName,
    /// Whole names that the app's journal announced.
    pub(crate) known: BTreeSet<Resource>,
    /// What is the app's and stays all the same: a canonical is undeployed, and keeps its data.
    pub(crate) kept: BTreeSet<Resource>,
}

/// One app to remove.
pub(crate) struct Removal<'a> {
    /// What belongs to it.
    pub(crate) belongings: &'a Belongings,
    /// Docker, called with an interrupt that the first signal does not set.
    pub(crate) docker: &'a Docker,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// How long the app's programs may take to end by themselves: none where nobody needs its data any more.
    pub(crate) grace: Duration,
    /// Is told of each object that is gone.
    pub(crate) on_removed: &'a dyn Fn(&Resource),
}

impl Belongings {
    /// Returns what belongs to an app of which nothing stays.
    pub(crate) fn all_of(stack: StackName, known: BTreeSet<Resource>) -> Self {
        Self {
            stack,
            known,
            kept: BTreeSet::new(),
        }
    }

    /// Tells whether an object is the app's to go: by its label, or by its whole name when it has no label.
    pub(crate) fn own(&self, object: &Object) -> bool {
        if self.kept.contains(&object.resource) {
            return false;
        }
        match &object.stack {
            Some(stack) => stack == self.stack.as_str(),
            None => self.known.contains(&object.resource),
        }
    }

    /// Picks what belongs to the app.
    fn pick(&self, objects: Vec<Object>) -> Vec<Object> {
        objects
            .into_iter()
            .filter(|object| self.own(object))
            .collect()
    }
}

/// What a removal has seen and done so far.
struct Progress {
    /// Every object of the app that was ever listed.
    seen: BTreeSet<Resource>,
    /// What the last look that succeeded found.
    last: Vec<Resource>,
    /// Errors, each once.
    errors: Vec<String>,
    /// How many scans in a row found nothing.
    empty_scans: u32,
    /// Since when the same objects are refused with no container left.
    stuck: Option<(Instant, BTreeSet<Resource>)>,
}

/// Removes everything that belongs to an app; continues past errors and ends with what is left.
pub(crate) fn remove_app(removal: &Removal<'_>) -> TeardownFinished {
    let begun = Instant::now();
    let deadline = Deadline::after(removal.limit);
    // Where nothing was ever announced nothing can be born late: one look is enough.
    let empty_scans = u32::from(removal.belongings.known.is_empty());
    let mut progress = Progress {
        seen: BTreeSet::new(),
        last: Vec::new(),
        errors: Vec::new(),
        empty_scans,
        stuck: None,
    };
    let left = loop {
        match round(removal, &mut progress) {
            Ok(left) if left.is_empty() && progress.empty_scans >= 2 => break Vec::new(),
            Ok(left) if left.is_empty() => drop(rest(removal, QUIET.min(deadline.left()))),
            Ok(left) if deadline.is_over() || progress.is_stuck(&left) => break left,
            Ok(_) => drop(rest(removal, Duration::from_millis(100))),
            Err(_) if is_abandoned(removal) => break known_left(removal),
            Err(error) => {
                progress.note(in_one_line(&error));
                // An engine that is away keeps nobody waiting who has made nothing there.
                let made_nothing = removal.belongings.known.is_empty() && progress.seen.is_empty();
                if deadline.is_over() || made_nothing || removal.docker.is_given_up() {
                    break unlisted(removal, &progress);
                }
                let _whole = rest(removal, LONGEST_PAUSE);
            }
        }
        if is_abandoned(removal) {
            break known_left(removal);
        }
    };
    progress.name_holders(removal, &left);
    finish(removal, progress, left, begun)
}

/// Lists and removes once; returns what was still there in the last look.
fn round(removal: &Removal<'_>, progress: &mut Progress) -> Result<Vec<Resource>, Error> {
    let found = removal.belongings.pick(removal.docker.list_objects()?);
    progress.take_note(&found);
    if found.is_empty() {
        progress.empty_scans += 1;
        return Ok(Vec::new());
    }
    progress.empty_scans = 0;
    let services = ids(&found, ResourceKind::Service);
    progress.try_to(removal.docker.remove_services(&services));
    let gone = remove_containers(removal, progress, &found)?;
    if gone {
        remove_rest(removal.docker, progress, &found);
    }
    let left = removal.belongings.pick(removal.docker.list_objects()?);
    progress.take_note(&left);
    progress.empty_scans = u32::from(left.is_empty());
    Ok(progress.last.clone())
}

/// Kills and removes the app's containers until none is listed; tells whether that was reached.
fn remove_containers(
    removal: &Removal<'_>,
    progress: &mut Progress,
    found: &[Object],
) -> Result<bool, Error> {
    let mut containers = ids(found, ResourceKind::Container);
    let_programs_end(removal)?;
    for attempt in 0..20 {
        if containers.is_empty() {
            return Ok(true);
        }
        progress.try_to(removal.docker.remove_containers(&containers));
        if attempt > 0 {
            rest(removal, Duration::from_millis(50));
        }
        let listed = removal
            .belongings
            .pick(removal.docker.list_kind(ResourceKind::Container)?);
        progress
            .seen
            .extend(listed.iter().map(|object| object.resource.clone()));
        containers = ids(&listed, ResourceKind::Container);
    }
    Ok(containers.is_empty())
}

/// Waits until no program of the app runs, whose services swarm ends now, or until its grace is over.
fn let_programs_end(removal: &Removal<'_>) -> Result<(), Error> {
    let deadline = Deadline::after(removal.grace);
    let stack = removal.belongings.stack.as_str();
    while !deadline.is_over() && removal.docker.is_running(stack)? {
        if !rest(removal, Duration::from_millis(100)) {
            break;
        }
    }
    Ok(())
}

/// Removes networks, secrets, configs and volumes, each kind in one call, side by side.
fn remove_rest(docker: &Docker, progress: &mut Progress, found: &[Object]) {
    let of = |kind| ids(found, kind);
    let results = std::thread::scope(|scope| {
        let networks = beside(scope, || docker.remove_networks(&of(ResourceKind::Network)));
        let secrets = beside(scope, || docker.remove_secrets(&of(ResourceKind::Secret)));
        let configs = beside(scope, || docker.remove_configs(&of(ResourceKind::Config)));
        let volumes = docker.remove_volumes(&of(ResourceKind::Volume));
        [networks.join(), secrets.join(), configs.join(), volumes]
    });
    for result in results {
        progress.try_to(result);
    }
}

/// Lists once more what is left after a removal was abandoned; what cannot be listed counts as left.
fn known_left(removal: &Removal<'_>) -> Vec<Resource> {
    // The signal that abandoned the removal would end this look at once too.
    let host = crate::sys::process::Host {
        interrupt: Interrupt::never(),
        ..removal.docker.host().clone()
    };
    match removal.docker.with_host(&host).list_objects() {
        Ok(objects) => removal
            .belongings
            .pick(objects)
            .into_iter()
            .map(|object| object.resource)
            .collect(),
        Err(_) => removal.belongings.known.iter().cloned().collect(),
    }
}

/// Returns what may be left when docker does not tell: all that was announced, and what was there at the last look.
fn unlisted(removal: &Removal<'_>, progress: &Progress) -> Vec<Resource> {
    let known = removal.belongings.known.iter();
    let all: BTreeSet<&Resource> = known.chain(&progress.last).collect();
    all.into_iter().cloned().collect()
}

/// Writes down what is gone and what is left.
fn finish(
    removal: &Removal<'_>,
    progress: Progress,
    left: Vec<Resource>,
    begun: Instant,
) -> TeardownFinished {
    let Progress { seen, errors, .. } = progress;
    let (errors, overcome) = if left.is_empty() {
        (Vec::new(), errors)
    } else {
        (errors, Vec::new())
    };
    let mut removed = BTreeMap::new();
    for resource in seen.iter().filter(|resource| !left.contains(resource)) {
        *removed.entry(resource.kind.word().to_owned()).or_insert(0) += 1;
        (removal.on_removed)(resource);
    }
    TeardownFinished {
        removed,
        left,
        vanished: Vec::new(),
        errors,
        overcome,
        duration_ms: millis(begun.elapsed()),
    }
}

impl Progress {
    /// Takes note of what a look found.
    fn take_note(&mut self, found: &[Object]) {
        self.last = found.iter().map(|object| object.resource.clone()).collect();
        self.seen.extend(self.last.iter().cloned());
    }

    /// Takes note of an error, and goes on; that the removal was abandoned is none.
    fn try_to(&mut self, result: Result<(), Error>) {
        match result {
            Ok(()) | Err(Error::Interrupted) => {}
            Err(error) => self.note(in_one_line(&error)),
        }
    }

    /// Takes note of the containers that hold networks: docker names their tasks, which tell nobody anything.
    fn name_holders(&mut self, removal: &Removal<'_>, left: &[Resource]) {
        let networks = left
            .iter()
            .filter(|resource| resource.kind == ResourceKind::Network);
        for network in networks {
            let users = removal.docker.network_users(&network.name);
            let users = users.unwrap_or_default();
            let named = users
                .iter()
                .map(|user| format!("container `{user}` uses {network}"));
            named.for_each(|holder| self.note(holder));
        }
    }

    /// Takes note of an error once.
    fn note(&mut self, error: String) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Tells whether the same objects, no container among them, were left for too long.
    fn is_stuck(&mut self, left: &[Resource]) -> bool {
        let now: BTreeSet<Resource> = left.iter().cloned().collect();
        let waiting = now
            .iter()
            .any(|resource| resource.kind == ResourceKind::Container);
        match &self.stuck {
            Some((since, before)) if *before == now && !waiting => since.elapsed() > PATIENCE,
            _ => {
                self.stuck = Some((Instant::now(), now));
                false
            }
        }
    }
}

/// Returns by what docker removes the objects of one kind.
fn ids(objects: &[Object], kind: ResourceKind) -> Vec<String> {
    objects
        .iter()
        .filter(|object| object.resource.kind == kind)
        .map(|object| object.id.clone())
        .collect()
}

/// Waits a little, unless the removal is abandoned.
fn rest(removal: &Removal<'_>, duration: Duration) -> bool {
    pause(duration, &removal.docker.host().interrupt)
}

/// Tells whether a second signal asked to give up.
fn is_abandoned(removal: &Removal<'_>) -> bool {
    removal.docker.host().interrupt.is_set()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: ResourceKind, name: &str, stack: Option<&str>) -> Object {
        Object {
            resource: Resource::new(kind, name),
            id: name.to_owned(),
            stack: stack.map(str::to_owned),
        }
    }

    fn belongings(known: &[Resource]) -> Belongings {
        let domain: crate::model::app::AppDomain = "a-12.example.org".parse().unwrap();
        Belongings::all_of(domain.stack(), known.iter().cloned().collect())
    }

    #[test]
    fn what_stays_is_not_the_apps_to_go() {
        let volume = Resource::new(ResourceKind::Volume, "a-12_example_org_data");
        let mut ours = belongings(std::slice::from_ref(&volume));
        let listed = object(
            ResourceKind::Volume,
            "a-12_example_org_data",
            Some("a-12_example_org"),
        );
        assert!(ours.own(&listed));
        ours.kept.insert(volume);
        assert!(!ours.own(&listed));
        let secret = object(
            ResourceKind::Secret,
            "a-12_example_org_data",
            Some("a-12_example_org"),
        );
        assert!(ours.own(&secret));
    }

    #[test]
    fn names_are_compared_whole_and_labels_outrank_them() {
        let secret = Resource::new(ResourceKind::Secret, "a-12_example_org_key_v1");
        let ours = belongings(std::slice::from_ref(&secret));
        assert!(ours.own(&object(ResourceKind::Volume, "x", Some("a-12_example_org"))));
        assert!(ours.own(&object(
            ResourceKind::Secret,
            "a-12_example_org_key_v1",
            None
        )));
        assert!(!ours.own(&object(
            ResourceKind::Secret,
            "a-12_example_org_key_v1",
            Some("other")
        )));
        assert!(!ours.own(&object(
            ResourceKind::Secret,
            "a-12_example_org_key_v11",
            None
        )));
        assert!(!ours.own(&object(
            ResourceKind::Volume,
            "a-123_example_org_data",
            Some("a-123_example_org")
        )));
    }

    #[test]
    fn a_refused_object_is_not_stuck_while_containers_die() {
        let mut progress = Progress {
            seen: BTreeSet::new(),
            last: Vec::new(),
            errors: Vec::new(),
            empty_scans: 0,
            stuck: None,
        };
        let left = [
            Resource::new(ResourceKind::Container, "c"),
            Resource::new(ResourceKind::Volume, "v"),
        ];
        assert!(!progress.is_stuck(&left));
        progress.stuck = Some((
            Instant::now().checked_sub(PATIENCE * 2).unwrap(),
            left.iter().cloned().collect(),
        ));
        assert!(!progress.is_stuck(&left));
        let volume = [Resource::new(ResourceKind::Volume, "v")];
        progress.stuck = Some((
            Instant::now().checked_sub(PATIENCE * 2).unwrap(),
            volume.iter().cloned().collect(),
        ));
        assert!(progress.is_stuck(&volume));
    }
}
