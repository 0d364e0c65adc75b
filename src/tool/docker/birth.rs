//! When objects of the swarm came into being.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::client::{Docker, Error, READ_LIMIT};
use crate::model::resource::ResourceKind;

impl Docker {
    /// Returns when objects of one kind came into being, by id, in one call at most.
    ///
    /// Objects that vanished meanwhile, and those that docker does not date, are left out.
    pub(crate) fn births(
        &self,
        kind: ResourceKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Timestamp>, Error> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let doing = format!("inspect {kind}s");
        let args = [kind.word(), "inspect"];
        let args = args.iter().chain(ids);
        let output = self.attempt(self.call(doing.as_str(), READ_LIMIT, args))?;
        // Docker prints those it found, and exits 1 for those it did not.
        let found = serde_json::from_slice::<Vec<Value>>(&output.stdout);
        let found = found.map_err(|error| Error::Garbled {
            doing,
            said: error.to_string(),
        })?;
        Ok(found.iter().filter_map(|one| birth(kind, one)).collect())
    }
}

/// Returns the id and the birth of one object, as its kind's inspection gives them.
fn birth(kind: ResourceKind, inspected: &Value) -> Option<(String, Timestamp)> {
    let (id, created) = match kind {
        ResourceKind::Service | ResourceKind::Secret | ResourceKind::Config => ("ID", "CreatedAt"),
        ResourceKind::Container | ResourceKind::Network => ("Id", "Created"),
        ResourceKind::Volume => ("Name", "CreatedAt"),
    };
    let created = inspected[created].as_str()?.parse().ok()?;
    Some((inspected[id].as_str()?.to_owned(), created))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_names_its_birth_in_its_own_way() {
        // As docker 28.2.2 prints them.
        let secret = json!({"ID": "a", "CreatedAt": "2026-11-20T10:00:00.123456789Z"});
        let network = json!({"Name": "n", "Id": "b", "Created": "2026-11-20T12:00:00.1+02:00"});
        let volume = json!({"Name": "c", "CreatedAt": "2026-11-20T10:00:00Z"});
        let found = [
            birth(ResourceKind::Secret, &secret),
            birth(ResourceKind::Network, &network),
            birth(ResourceKind::Volume, &volume),
        ];
        let shown = found.map(|found| {
            let (id, at) = found.unwrap();
            format!("{id} {at:.0}")
        });
        let wanted = ["a", "b", "c"].map(|id| format!("{id} 2026-11-20T10:00:00Z"));
        assert_eq!(shown, wanted);
        assert_eq!(birth(ResourceKind::Volume, &json!({"Name": "c"})), None);
    }
}
