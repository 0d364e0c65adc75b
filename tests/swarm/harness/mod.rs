//! What the tests stand on: a world of its own for each, and judges that believe nothing `ccci` says.

mod agreement;
mod call;
pub(crate) mod canonical;
mod docker;
mod forge;
mod judged;
pub(crate) mod picture;
mod proxy;
mod ran;
mod records;
mod registry;
mod repository;
mod screen;
mod warm;
mod watch;
mod world;

pub(crate) use call::Call;
pub(crate) use canonical::Canonical;
pub(crate) use docker::docker;
pub(crate) use forge::{Shelf, publish, publish_fixtures};
pub(crate) use judged::{Failure, Judged, files};
pub(crate) use proxy::Proxy;
pub(crate) use registry::Registry;
pub(crate) use repository::git;
pub(crate) use warm::Warm;
pub(crate) use world::{Deployer, World};
