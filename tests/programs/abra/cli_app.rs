//! The part of the command line below `app`: types only.
//!
//! Unconfirmed letters (R): those of backup, restore, volumes and `run`, and `--trim`.

use clap::{Args, Subcommand};

/// The second word after `app`.
#[derive(Subcommand)]
pub(crate) enum AppCommand {
    /// Create an app
    New(NewArgs),
    /// Deploy an app
    Deploy(DeployArgs),
    /// Upgrade an app
    Upgrade(StepArgs),
    /// Roll an app back
    Rollback(StepArgs),
    /// Undeploy an app
    Undeploy(DomainArgs),
    /// Remove all data of an app
    #[command(alias = "rm")]
    Remove(RemoveArgs),
    /// List apps
    #[command(alias = "list")]
    Ls(LsArgs),
    /// Show the containers of an app
    Ps(MachineArgs),
    /// Run a command in a service
    Run(RunArgs),
    /// Compare an app's variables with the sample
    Check(ChaosArgs),
    /// Manage secrets
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Manage volumes
    #[command(subcommand)]
    Volume(VolumeCommand),
    /// Manage backups
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Restore a snapshot
    Restore(SnapshotArgs),
}

/// Arguments of `app new`.
#[derive(Args)]
pub(crate) struct NewArgs {
    /// The recipe
    pub(crate) recipe: String,
    /// The version or commit
    pub(crate) version: Option<String>,
    /// The app's domain
    #[arg(short = 'D', long)]
    pub(crate) domain: Option<String>,
    /// The app's server
    #[arg(short, long)]
    pub(crate) server: Option<String>,
    /// Generate the secrets
    #[arg(short = 'S', long)]
    pub(crate) secrets: bool,
    /// Use the recipe's tree as it is
    #[arg(short = 'C', long)]
    pub(crate) chaos: bool,
}

/// How a deploy waits and what it checks.
#[derive(Args, Clone, Copy)]
pub(crate) struct ApplyFlags {
    /// Deploy although deployed
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Do not wait for convergence
    #[arg(short = 'c', long)]
    pub(crate) no_converge_checks: bool,
    /// Do not check the domain's address
    #[arg(short = 'D', long)]
    pub(crate) no_domain_checks: bool,
}

/// Arguments of `app deploy`.
#[derive(Args)]
pub(crate) struct DeployArgs {
    /// The app
    pub(crate) domain: String,
    /// The version or commit
    pub(crate) version: Option<String>,
    /// Use the recipe's tree as it is
    #[arg(short = 'C', long)]
    pub(crate) chaos: bool,
    /// How to apply.
    #[command(flatten)]
    pub(crate) apply: ApplyFlags,
}

/// Arguments of `app upgrade` and `app rollback`.
#[derive(Args)]
pub(crate) struct StepArgs {
    /// The app
    pub(crate) domain: String,
    /// The version
    pub(crate) version: Option<String>,
    /// How to apply.
    #[command(flatten)]
    pub(crate) apply: ApplyFlags,
}

/// An app and nothing else.
#[derive(Args)]
pub(crate) struct DomainArgs {
    /// The app
    pub(crate) domain: String,
}

/// Arguments of `app remove`.
#[derive(Args)]
pub(crate) struct RemoveArgs {
    /// The app
    pub(crate) domain: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// Arguments of `app ls`.
#[derive(Args)]
pub(crate) struct LsArgs {
    /// Ask the servers
    #[arg(short = 'S', long)]
    pub(crate) status: bool,
    /// Print JSON
    #[arg(short, long)]
    pub(crate) machine: bool,
    /// Only apps of this server
    #[arg(short, long)]
    pub(crate) server: Option<String>,
    /// Only apps of this recipe
    #[arg(short, long)]
    pub(crate) recipe: Option<String>,
}

/// An app, and a table or JSON.
#[derive(Args)]
pub(crate) struct MachineArgs {
    /// The app
    pub(crate) domain: String,
    /// Print JSON
    #[arg(short, long)]
    pub(crate) machine: bool,
}

/// An app, and whether its recipe's tree stays.
#[derive(Args)]
pub(crate) struct ChaosArgs {
    /// The app
    pub(crate) domain: String,
    /// Use the recipe's tree as it is
    #[arg(short = 'C', long)]
    pub(crate) chaos: bool,
}

/// Arguments of `app run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The app
    pub(crate) domain: String,
    /// The service
    pub(crate) service: String,
    /// The command
    #[arg(required = true)]
    pub(crate) command: Vec<String>,
    /// Run without a terminal
    #[arg(short = 't', long)]
    pub(crate) no_tty: bool,
    /// Run as this user
    #[arg(short, long)]
    pub(crate) user: Option<String>,
}

/// The third word after `app secret`.
#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Generate secrets
    Generate(GenerateArgs),
    /// Insert a secret
    Insert(InsertArgs),
    /// List secrets
    #[command(alias = "list")]
    Ls(SecretLsArgs),
    /// Remove secrets
    #[command(alias = "remove")]
    Rm(SecretRmArgs),
}

/// Arguments of `app secret generate`.
#[derive(Args)]
pub(crate) struct GenerateArgs {
    /// The app, whether its tree stays.
    #[command(flatten)]
    pub(crate) app: ChaosArgs,
    /// The secret
    #[arg(requires = "version", conflicts_with = "all")]
    pub(crate) name: Option<String>,
    /// Its version
    pub(crate) version: Option<String>,
    /// Generate all secrets
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(short, long)]
    pub(crate) machine: bool,
}

/// Arguments of `app secret insert`.
#[derive(Args)]
pub(crate) struct InsertArgs {
    /// The app, whether its tree stays.
    #[command(flatten)]
    pub(crate) app: ChaosArgs,
    /// The secret
    pub(crate) name: String,
    /// Its version
    pub(crate) version: String,
    /// The value, or a path with `--file`
    pub(crate) value: String,
    /// Take the value as a path
    #[arg(short, long)]
    pub(crate) file: bool,
    /// Trim the value
    #[arg(short, long)]
    pub(crate) trim: bool,
}

/// Arguments of `app secret ls`.
#[derive(Args)]
pub(crate) struct SecretLsArgs {
    /// The app, whether its tree stays.
    #[command(flatten)]
    pub(crate) app: ChaosArgs,
    /// Print JSON
    #[arg(short, long)]
    pub(crate) machine: bool,
}

/// Arguments of `app secret rm`.
#[derive(Args)]
pub(crate) struct SecretRmArgs {
    /// The app, whether its tree stays.
    #[command(flatten)]
    pub(crate) app: ChaosArgs,
    /// The secret
    #[arg(conflicts_with = "all")]
    pub(crate) name: Option<String>,
    /// Remove all secrets
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// The third word after `app volume`.
#[derive(Subcommand)]
pub(crate) enum VolumeCommand {
    /// List volumes
    #[command(alias = "list")]
    Ls(DomainArgs),
    /// Remove volumes
    #[command(alias = "remove")]
    Rm(VolumeRmArgs),
}

/// Arguments of `app volume rm`.
#[derive(Args)]
pub(crate) struct VolumeRmArgs {
    /// The app
    pub(crate) domain: String,
    /// The volume, else all
    pub(crate) volume: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,
}

/// The third word after `app backup`.
#[derive(Subcommand)]
pub(crate) enum BackupCommand {
    /// Make a snapshot
    Create(ChaosArgs),
    /// List snapshots
    Snapshots(ChaosArgs),
    /// List the files of a snapshot
    #[command(alias = "ls")]
    List(SnapshotArgs),
    /// Write a snapshot to the current directory
    Download(DownloadArgs),
}

/// An app and one of its snapshots.
#[derive(Args)]
pub(crate) struct SnapshotArgs {
    /// The app, whether its tree stays.
    #[command(flatten)]
    pub(crate) app: ChaosArgs,
    /// The snapshot, else the newest
    #[arg(short, long)]
    pub(crate) snapshot: Option<String>,
}

/// Arguments of `app backup download`.
#[derive(Args)]
pub(crate) struct DownloadArgs {
    /// The snapshot.
    #[command(flatten)]
    pub(crate) snapshot: SnapshotArgs,
    /// Only what lies below this path
    #[arg(short, long)]
    pub(crate) path: Option<String>,
}
