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

/// R+: where recipes without a host in their name are cloned from.
pub(crate) const RECIPE_HOME: &str = "https://git.coopcloud.tech/coop-cloud";

/// R+: the key of the `.env` with what runs after a deploy.
pub(crate) const POST_DEPLOY: &str = "POST_DEPLOY_CMDS";

/// R+ for an upgrade, R- for a rollback: the key with what runs afterwards.
pub(crate) const POST_UPGRADE: &str = "POST_UPGRADE_CMDS";

/// R+: the key with what runs after an undeploy.
pub(crate) const POST_UNDEPLOY: &str = "POST_UNDEPLOY_CMDS";

/// R-: text of the refusal to combine a version with chaos.
pub(crate) const VERSION_AND_CHAOS: &str = "cannot use a version and --chaos together";

/// R-: what ends a call whose question is not answered with yes.
pub(crate) const NOT_CONFIRMED: &str = "stopping as requested";

/// R+: what follows the domain when an app would have to be undeployed first.
pub(crate) const STILL_DEPLOYED: &str = "is still deployed";

/// One lint rule.
pub(crate) struct Rule {
    /// Its number.
    pub(crate) name: &'static str,
    /// Whether it blocks a deploy.
    pub(crate) error: bool,
    /// What it asks for.
    pub(crate) text: &'static str,
    /// What to do when that is not so.
    pub(crate) fix: &'static str,
}

/// R: numbers, texts and severities. What R016 says is not known. `lint::Subject::satisfied` has the same order.
pub(crate) const RULES: [Rule; 15] = [
    Rule {
        name: "R001",
        error: false,
        text: "compose version is 3.8",
        fix: "set version",
    },
    Rule {
        name: "R002",
        error: false,
        text: "all services have healthchecks",
        fix: "add healthchecks",
    },
    Rule {
        name: "R003",
        error: true,
        text: "all images have tags",
        fix: "add tags",
    },
    Rule {
        name: "R004",
        error: true,
        text: "no unstable tags",
        fix: "use stable tags",
    },
    Rule {
        name: "R005",
        error: false,
        text: "tags look like versions",
        fix: "use such tags",
    },
    Rule {
        name: "R006",
        error: false,
        text: "recipe is in the catalogue",
        fix: "publish it",
    },
    Rule {
        name: "R007",
        error: false,
        text: "README has metadata",
        fix: "fill it in",
    },
    Rule {
        name: "R008",
        error: true,
        text: ".env.sample is there",
        fix: "add one",
    },
    Rule {
        name: "R009",
        error: true,
        text: "a service is named app",
        fix: "name one app",
    },
    Rule {
        name: "R010",
        error: false,
        text: "traefik is enabled",
        fix: "set traefik.enable",
    },
    Rule {
        name: "R011",
        error: true,
        text: "all services have images",
        fix: "set images",
    },
    Rule {
        name: "R012",
        error: true,
        text: "config versions are set in abra.sh",
        fix: "export them",
    },
    Rule {
        name: "R013",
        error: false,
        text: "git repository exists",
        fix: "make one",
    },
    Rule {
        name: "R014",
        error: true,
        text: "only annotated tags",
        fix: "use git tag -a",
    },
    Rule {
        name: "R015",
        error: false,
        text: "short secret names",
        fix: "shorten them",
    },
];
