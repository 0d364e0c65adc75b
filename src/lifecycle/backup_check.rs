//! Checks that a backup holds what its labels promise and what was planted.

use super::{
    canary::{self, Spot},
    classify,
    session::{Remark, StageRun},
    side::Side,
    stages::Course,
};
use crate::{
    model::{backup::Rule, compose::Stack, outcome::Trouble},
    tool::deployer::{Held, Snapshot, Wanted},
};

/// What was planted before a backup.
pub(super) struct Planted<'a> {
    /// Where.
    pub(super) spots: &'a [Spot],
    /// What.
    pub(super) token: &'a str,
    /// The stack that runs.
    pub(super) stack: &'a Stack,
}

impl Planted<'_> {
    /// Tells whether a volume has a canary.
    fn has_volume(&self, short: &str) -> bool {
        self.spots
            .iter()
            .any(|spot| matches!(spot, Spot::Volume { name, .. } if name == short))
    }

    /// Tells whether a database has one whose service mounts a volume, so that its dump may lie there.
    fn has_database_on(&self, volume: &str) -> bool {
        self.spots.iter().any(|spot| match spot {
            Spot::Database { service, .. } => {
                let service = self.stack.services.get(service);
                let mut mounts = service.into_iter().flat_map(|service| &service.mounts);
                mounts.any(|mount| mount.source.as_deref() == Some(volume))
            }
            Spot::Volume { .. } => false,
        })
    }
}

impl Course<'_> {
    /// Checks that a backup holds what its labels promise.
    pub(super) fn check_backup(
        &self,
        run: &mut StageRun<'_>,
        side: &Side,
        snapshot: &Snapshot,
        planted: &Planted<'_>,
    ) {
        let stack = &self.session.app.stack;
        let checks_before = run.checks.len();
        for volume in &side.backup.volumes {
            let short = stack.short(&volume.volume).unwrap_or(&volume.volume);
            match &volume.rule {
                Rule::Whole if planted.has_volume(short) => {
                    run.generic(&format!("holds-{short}"), || {
                        self.holds_canary(snapshot, short, planted)
                    });
                }
                Rule::Excluded | Rule::Whole => {}
                Rule::Paths(paths) => {
                    for path in paths {
                        run.generic(&format!("holds-{short}-{path}"), || {
                            self.holds_dump(snapshot, short, path, planted)
                        });
                    }
                }
            }
        }
        for path in &side.backup.outside {
            let reason = "it lies on no volume, so no backup can hold it";
            run.generic(&format!("holds-{path}"), || {
                Ok(Remark::NotMade(reason.to_owned()))
            });
        }
        if run.checks.len() == checks_before {
            let reason = "the labels name nothing that can be looked for";
            run.generic("holds", || Ok(Remark::NotMade(reason.to_owned())));
        }
    }

    /// Checks that a backup holds a volume's canary.
    fn holds_canary(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        planted: &Planted<'_>,
    ) -> Result<Remark, Trouble> {
        match self.look_into(snapshot, volume, canary::FILE_NAME, planted.token)? {
            Some(Held {
                has_token: true, ..
            }) => Ok(Remark::Passed),
            Some(_) => Err(Trouble::recipe(
                "backup-stale",
                format!("the backup of volume `{volume}` holds old data"),
            )),
            None => Err(Trouble::recipe(
                "backup-incomplete",
                format!("the backup lacks volume `{volume}`"),
            )),
        }
    }

    /// Checks that a backup holds a path that the labels name, with data in it.
    fn holds_dump(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        path: &str,
        planted: &Planted<'_>,
    ) -> Result<Remark, Trouble> {
        let trimmed = path.trim_matches('/');
        let hint = "look at the hook that should make it in `backup.log`";
        match self.look_into(snapshot, volume, trimmed, planted.token)? {
            None => Err(Trouble::recipe(
                "dump-missing",
                format!("the backup lacks `{path}` of volume `{volume}`"),
            )
            .hint(hint)),
            Some(Held { size: 0, .. }) => Err(Trouble::recipe(
                "dump-empty",
                format!("dump `{path}` of volume `{volume}` is empty"),
            )
            .hint(hint)),
            Some(held) if held.has_token || !planted.has_database_on(volume) => {
                Ok(Remark::Note(format!("{path}: {} bytes", held.size)))
            }
            Some(held) => self.holds_rows(snapshot, volume, trimmed, held),
        }
    }

    /// Checks a dump without the canary's row: one in SQL text must have it, of others only restore can tell.
    fn holds_rows(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        path: &str,
        held: Held,
    ) -> Result<Remark, Trouble> {
        for mark in [
            "-- PostgreSQL database",
            "-- MariaDB dump",
            "-- MySQL dump",
            "CREATE TABLE",
        ] {
            if self
                .look_into(snapshot, volume, path, mark)?
                .is_some_and(|held| held.has_token)
            {
                let message =
                    format!("dump `{path}` of volume `{volume}` lacks the rows that were there");
                return Err(Trouble::recipe("dump-incomplete", message));
            }
        }
        Ok(Remark::Note(format!(
            "{path}: {} bytes, not in SQL text",
            held.size
        )))
    }

    /// Looks for a path in a backup.
    fn look_into(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        path: &str,
        token: &str,
    ) -> Result<Option<Held>, Trouble> {
        let wanted = Wanted {
            volume,
            path,
            token,
        };
        let held = self
            .session
            .deployer
            .look_into(&self.session.app, snapshot, &wanted);
        held.map_err(|error| classify::deployer_error("looking into the backup", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{canary::Coverage, canary_row::Engine};

    #[test]
    fn rows_are_looked_for_where_a_database_can_leave_its_dump() {
        let text = "services:\n  app:\n    volumes: ['web:/w']\n  db:\n    volumes: ['db:/d']\nvolumes:\n  web: {}\n  db: {}\n";
        let stack = Stack::from_text(text).unwrap();
        let spots = [Spot::Database {
            service: "db".to_owned(),
            engine: Engine::Mariadb,
            backup: Coverage::Covered,
        }];
        let planted = Planted {
            spots: &spots,
            token: "t",
            stack: &stack,
        };
        assert!(planted.has_database_on("db"));
        assert!(!planted.has_database_on("web"));
    }
}
