//! Every fact about abra that no source confirms: one named constant each, so that a real binary can correct it.
//!
//! The marks say how sure each is: R+ fairly sure, R medium, R- weak.

/// The line that `--version` prints after `abra`. Only its form is known; the last part is ours.
pub(crate) const VERSION: &str = "version 0.13.0-beta-standin";

/// R: with this set to `1`, human tables do without a terminal.
pub(crate) const CI_VARIABLE: &str = "ABRA_CI";

/// The text of the system's ENOTTY. Seen with lint; R for all other tables.
pub(crate) const NOT_A_TERMINAL: &str = "inappropriate ioctl for device";

/// R: a table also wants its output to be a terminal, not the standard input alone.
pub(crate) const TABLE_NEEDS_OUTPUT_TERMINAL: bool = true;

/// R+: backup and restore run with a terminal in the bot's container, hence need one whatever the environment says.
pub(crate) const BACKUP_NEEDS_TERMINAL: bool = true;

/// R+: `app run` without `--no-tty` asks for a terminal and fails without one.
pub(crate) const RUN_NEEDS_TERMINAL: bool = true;

/// R: a usage error ends like any other fatal error.
pub(crate) const USAGE_EXIT: u8 = 1;

/// R+: a stack name made from a domain is cut to this many characters.
pub(crate) const STACK_NAME_LIMIT: usize = 45;

/// R+: the key of the `.env` that replaces the name made from the domain.
pub(crate) const STACK_NAME_KEY: &str = "STACK_NAME";

/// R+: names longer than this are refused before anything is deployed. The limit itself is Swarm's.
pub(crate) const NAME_LIMIT: usize = 64;

/// R: seconds to wait for convergence when the recipe has no timeout label.
pub(crate) const DEFAULT_TIMEOUT: u64 = 50;

/// R: exports of `abra.sh` win over keys of the same name in the `.env`.
pub(crate) const ABRA_SH_WINS: bool = true;

/// R+: `app new` replaces `<recipe>` plus this text by the domain, everywhere in the sample.
pub(crate) const SAMPLE_DOMAIN: &str = ".example.com";

/// R-: `app new -C` pins the commit that the tree stands on.
pub(crate) const NEW_PINS_CHAOS: bool = true;

/// R-: a chaos deploy writes its version to the `.env` without the mark of a dirty tree.
pub(crate) const PIN_KEEPS_DIRTY_MARK: bool = false;

/// R-: the pin is written once the stack has converged, not as soon as it is applied.
pub(crate) const PIN_AFTER_CONVERGENCE: bool = true;

/// R-: `app ls -S` checks the pinned version of each app out, unless offline.
pub(crate) const LIST_CHECKS_OUT: bool = true;

/// R-: `recipe lint` without `-C` refuses a dirty tree.
pub(crate) const LINT_REFUSES_DIRTY: bool = true;

/// R: a secret name above this length fails the rule on long names.
pub(crate) const LONG_SECRET: usize = 12;

/// R+: what follows the domain when an app runs already.
pub(crate) const ALREADY_DEPLOYED: &str = "is already deployed";

/// R+: the key below `coop-cloud.<stack>.` that names the recipe.
pub(crate) const RECIPE_LABEL: &str = "recipe";

/// R+: the key below `coop-cloud.<stack>.` that says whether chaos was used.
pub(crate) const CHAOS_LABEL: &str = "chaos";

/// R+: without `-c`, these commands of the `.env` run after success; with `-c` they do not.
pub(crate) const CONVERGENCE_GATES_COMMANDS: bool = true;

/// R: how often a volume's removal is tried while a dying container holds it.
pub(crate) const VOLUME_REMOVE_TRIES: usize = 20;

/// R+: length of a generated secret when only a charset is given.
pub(crate) const PASSWORD_LENGTH: usize = 32;

/// R+: words of a generated secret without a length.
pub(crate) const PASSPHRASE_WORDS: usize = 5;

/// R: characters of the charset `default`, which unknown names fall back to.
pub(crate) const CHARSET_DEFAULT: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// R: characters that the charset `special` adds.
pub(crate) const CHARSET_SPECIAL: &str = "!@#$%^&*_-+=";

/// R: characters that the charset `safespecial` adds.
pub(crate) const CHARSET_SAFE_SPECIAL: &str = "!@%^&*_-+=";

/// R+: keys of one entry of `app secret ls -m`, in order.
pub(crate) const SECRET_LIST_KEYS: [&str; 4] =
    ["name", "version", "generated name", "created on server"];

/// R+: keys of one entry of `app secret generate -m`, in order.
pub(crate) const SECRET_GENERATE_KEYS: [&str; 2] = ["name", "value"];

/// R: keys of one entry of `recipe versions -m`, in order.
pub(crate) const RECIPE_VERSIONS_KEYS: [&str; 4] = ["service", "image", "tag", "version"];

/// R: the host that `server ls` shows for the server `default`.
pub(crate) const LOCAL_HOST: &str = "local";

/// R: `app backup download` writes this file to the current directory.
pub(crate) const DOWNLOAD_FILE: &str = "backup.tar.gz";

/// R: where the bot sees volumes; archives hold paths below it.
pub(crate) const VOLUME_ROOT: &str = "var/lib/docker/volumes";

/// R: the last line of `app backup create`, after the id of the snapshot.
pub(crate) const BACKUP_FINISHED: &str = "Backup finished.";

/// R: text of the failure to find any snapshot of an app.
pub(crate) const NO_SNAPSHOTS: &str = "no snapshots found";

/// R-: the table of `app new -S` is printed without a terminal, as a web front relies on it.
pub(crate) const NEW_SECRETS_NEED_TERMINAL: bool = false;

/// R-: hooks are run by this shell of the service's container.
pub(crate) const HOOK_SHELL: &str = "sh";

/// R-: a backup of an app without any enabling label fails.
pub(crate) const NOTHING_TO_BACK_UP: &str = "no service has backupbot.backup=true";
