//! The command line: types only, in the shape of abra 0.10 and later.
//!
//! Letters of flags that no source confirms stand here, as they cannot be constants elsewhere.

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::cli_app::AppCommand;
use crate::guesses;

/// A stand-in of abra for tests.
#[derive(Parser)]
#[command(name = "abra", version = guesses::VERSION, disable_version_flag = true)]
pub(crate) struct Cli {
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: (),
    /// The flags of every command.
    #[command(flatten)]
    pub(crate) flags: Flags,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that stand anywhere.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[derive(Args, Clone, Copy)]
pub(crate) struct Flags {
    /// Never ask
    #[arg(short, long, global = true)]
    pub(crate) no_input: bool,
    /// Use no network and the local tree
    #[arg(short, long, global = true)]
    pub(crate) offline: bool,
    /// Print more
    #[arg(short, long, global = true)]
    pub(crate) debug: bool,
    /// Ignore the version pinned in the .env
    #[arg(short, long, global = true)]
    pub(crate) ignore_env_version: bool,
}

/// The first word.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Manage apps
    #[command(subcommand, alias = "a")]
    App(AppCommand),
    /// Manage recipes
    #[command(subcommand, alias = "r")]
    Recipe(RecipeCommand),
    /// Manage servers
    #[command(subcommand, alias = "s")]
    Server(ServerCommand),
}

/// The second word after `recipe`.
#[derive(Subcommand)]
pub(crate) enum RecipeCommand {
    /// Clone recipes
    Fetch(FetchArgs),
    /// Check a recipe
    Lint(LintArgs),
    /// List a recipe's versions
    Versions(RecipeMachineArgs),
}

/// Arguments of `recipe fetch`.
#[derive(Args)]
pub(crate) struct FetchArgs {
    /// The recipe
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) recipe: Option<String>,
    /// All recipes of the catalogue
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Clone again
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Arguments of `recipe lint`.
#[derive(Args)]
pub(crate) struct LintArgs {
    /// The recipe
    pub(crate) recipe: String,
    /// Use the recipe's tree as it is
    #[arg(short = 'C', long)]
    pub(crate) chaos: bool,
    /// Show error rules only
    #[arg(short = 'e', long)]
    pub(crate) only_errors: bool,
}

/// A recipe, and a table or JSON.
#[derive(Args)]
pub(crate) struct RecipeMachineArgs {
    /// The recipe
    pub(crate) recipe: String,
    /// Print JSON
    #[arg(short, long)]
    pub(crate) machine: bool,
}

/// The second word after `server`.
#[derive(Subcommand)]
pub(crate) enum ServerCommand {
    /// List servers
    #[command(alias = "list")]
    Ls(ServerLsArgs),
}

/// Arguments of `server ls`.
#[derive(Args)]
pub(crate) struct ServerLsArgs {
    /// Print JSON
    #[arg(short, long)]
    pub(crate) machine: bool,
}
