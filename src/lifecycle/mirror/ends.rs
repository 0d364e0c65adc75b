//! Upstream and mirror of one recipe, as the settings name them.

use std::time::Duration;

use crate::{
    lifecycle::origin,
    model::{
        outcome::{Fault, Trouble},
        recipe::RecipeName,
        source::{PlainHttp, RemoteUrl},
    },
    sys::{context::Context, redact::Secret, wait::Deadline},
    tool::{
        forge::{Access, Address},
        probe::Roots,
    },
};

/// How long all requests about one mirror may take together.
const REQUESTS: Duration = Duration::from_secs(300);

/// Upstream and mirror.
pub(super) struct Ends<'a> {
    /// Where the recipe comes from.
    pub(super) upstream: RemoteUrl,
    /// Where its mirror is.
    pub(super) mirror: Address,
    /// The forge of the mirror, as it is set.
    pub(super) forge: &'a str,
    /// What opens the mirror.
    pub(super) token: &'a Secret,
    /// Who may have signed the forge's certificate.
    roots: Roots,
}

impl<'a> Ends<'a> {
    /// Returns how the forge is spoken to.
    pub(super) fn access(&self, ctx: &'a Context) -> Access<'a> {
        Access {
            token: self.token,
            roots: self.roots.clone(),
            limit: ctx.settings.limits.http.default,
            deadline: Deadline::after(REQUESTS),
            interrupt: &ctx.host.interrupt,
        }
    }
}

/// Finds both ends; nothing is sent anywhere.
pub(super) fn find<'a>(ctx: &'a Context, recipe: &RecipeName) -> Result<Ends<'a>, Trouble> {
    let config = |code, message: &str| Trouble::new(Fault::Config, code, message);
    let settings = &ctx.settings;
    let mirror = settings.mirror.as_ref().ok_or_else(|| {
        config("mirror-unset", "`mirror.forge` is empty")
            .hint("set `mirror.forge` to a forge's URL")
    })?;
    let owner = mirror.owner.as_ref().ok_or_else(|| {
        config(
            "mirror-unset",
            "`mirror.forge` is set and `mirror.owner` is empty",
        )
        .hint("set `mirror.owner` to the organisation or user that has the mirrors")
    })?;
    let token = ctx.mirror_token.as_ref().ok_or_else(|| {
        let message = format!("there is no token for the mirrors on `{}`", mirror.forge);
        config("mirror-token", &message)
            .hint("set `CCCI_MIRROR_TOKEN`, or `mirror.token-file` to a file of mode 600")
    })?;
    let upstream = origin::url_of(recipe, None, settings).map_err(|error| {
        let message = format!("`{recipe}` has no upstream");
        config("no-source", &message).because(error.to_string())
    })?;
    let roots = settings
        .server
        .ca_file
        .as_deref()
        .map_or(Ok(Roots::System), Roots::read);
    let roots = roots.map_err(|error| {
        let hint = "set `server.ca-file` to a file in PEM form, or to nothing";
        config("ca-file", &error.to_string()).hint(hint)
    })?;
    Ok(Ends {
        upstream,
        mirror: address(ctx, recipe, (&mirror.forge, owner))?,
        forge: &mirror.forge,
        token,
        roots,
    })
}

/// Returns where the mirror of a recipe is.
fn address(
    ctx: &Context,
    recipe: &RecipeName,
    (forge, owner): (&str, &crate::model::source::ForgeName),
) -> Result<Address, Trouble> {
    let plain_http = if ctx.settings.recipes.allow_http {
        PlainHttp::Allowed
    } else {
        PlainHttp::Refused
    };
    let name = recipe.as_str().parse();
    let address = name.and_then(|name| Address::new(forge, (owner, &name), plain_http));
    address.map_err(|error| {
        let message = format!("`mirror.forge` gives no place for a mirror of `{recipe}`");
        Trouble::new(Fault::Config, "mirror-unset", message).because(error.to_string())
    })
}
