//! Plants tokens at an app's spots before an operation and compares them after it.

use super::{
    canary::{self, Spot},
    session::{Remark, docker_trouble},
    side::Side,
    stages::Course,
};
use crate::model::outcome::Trouble;

impl Course<'_> {
    /// Finds the spots of the app and plants a token in each.
    pub(super) fn plant(
        &self,
        spots: &mut Vec<Spot>,
        side: &Side,
        token: &str,
    ) -> Result<Remark, Trouble> {
        let found = canary::list_spots(&self.session.app, &side.stack, &side.backup)
            .map_err(|error| docker_trouble(&error))?;
        canary::plant(&self.session.app, &found, token)?;
        let titles: Vec<String> = found.iter().map(Spot::title).collect();
        *spots = found;
        Ok(if titles.is_empty() {
            Remark::NotMade("no container that runs keeps data".to_owned())
        } else {
            Remark::Note(titles.join(", "))
        })
    }

    /// Checks that each spot holds a token.
    pub(super) fn compare(
        &self,
        spots: &[Spot],
        token: &str,
        operation: &str,
        code: &str,
    ) -> Result<Remark, Trouble> {
        for spot in spots {
            let lost = |what: String| {
                Trouble::recipe(code, format!("data of {} is lost: {what}", spot.title()))
            };
            match canary::read(&self.session.app, spot) {
                Ok(Some(found)) if found == token => {}
                Ok(Some(_)) => {
                    return Err(lost(format!(
                        "{operation} left other data than was planted before it"
                    )));
                }
                Ok(None) => {
                    return Err(lost(format!(
                        "what was planted is not there after {operation}"
                    )));
                }
                // After a deploy that converged, a volume that nobody mounts is one that the recipe dropped.
                Err(trouble) if trouble.code == "no-container" => {
                    return Err(lost(format!("nothing uses it after {operation}")));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let titles: Vec<String> = spots.iter().map(Spot::title).collect();
        Ok(if titles.is_empty() {
            Remark::NotMade("nothing was planted that it covers".to_owned())
        } else {
            Remark::Note(titles.join(", "))
        })
    }

    /// Returns a token that no other plant has.
    pub(super) fn token(&self, purpose: &str) -> String {
        format!("ccci-canary-{}-{purpose}", self.session.dir.id())
    }
}
