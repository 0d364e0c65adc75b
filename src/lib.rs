//! ccci, a test runner for Co-op Cloud recipes.
//!
//! The code map; each folder uses those below it only, and `exit` is used by `command` alone.
//!
//! - `main.rs`: The `ccci` program: hands its arguments over, returns the exit code.
//! - `cli.rs`: The command line: clap types, whose doc comments are the help. It reads nothing and prints nothing.
//! - `cli/app_args.rs`: What the commands about one app, or about the apps that are left, take.
//! - `cli/canonical_args.rs`: What the commands about canonicals take.
//! - `cli/enroll_args.rs`: What `ccci enroll` takes.
//! - `cli/reconcile_args.rs`: What `ccci reconcile` takes.
//! - `cli/test_args.rs`: What `ccci test` takes.
//! - `cli/values.rs`: Readers of the values that flags and arguments take.
//! - `exit.rs`: The exit codes of every command, and what each means.
//! - `command/`: One file a command: read what it needs, call `lifecycle`, render; never parses another program's output.
//! - `command/aftermath.rs`: What is written once the runs are over: reports for CI engines, and which old runs go.
//! - `command/ask.rs`: Questions: on a terminal only, never in CI, and never where an answer was given already.
//! - `command/batch.rs`: Several runs side by side, and when no further one begins.
//! - `command/bench.rs`: All that runs need: settings in force, tokens, programs, the signals, what there is to deploy on.
//! - `command/chosen.rs`: Whether each pattern of `--test` selects something, found out before anything is deployed.
//! - `command/complete.rs`: Completion of the command line in a shell: from local files alone, and silent where nothing is known.
//! - `command/complete/attach.rs`: Which candidates belong to which argument of the command line.
//! - `command/complete/bash.rs`: How bash asks and what it gets: bash cuts words at `=` and `:`, and reads what it is given as if it were typed.
//! - `command/complete/ground.rs`: What completion starts from: the words before the cursor, the environment, and the settings where they can be read.
//! - `command/complete/known.rs`: The recipes that this host knows, with their branches and versions.
//! - `command/complete/offer.rs`: What is offered for a word, and which words a shell may be given at all.
//! - `command/complete/runs.rs`: The runs that this host knows, and the apps of those that may have left one.
//! - `command/complete/tested.rs`: The tests and the declared checks of what is to be tested.
//! - `command/completions.rs`: `ccci completions`: the script by which a shell asks ccci itself.
//! - `command/config.rs`: `ccci config`: every setting with where it came from.
//! - `command/dispatch.rs`: From the command line to the command, and from its end to the exit code.
//! - `command/doctor.rs`: `ccci doctor`: looks at the host, says what to do about each thing that it finds, and mends what is safe to mend.
//! - `command/enroll.rs`: `ccci enroll`: writes a recipe's first tests, from what its files say and what a person adds.
//! - `command/error.rs`: The top error: its kind decides the exit code, its cause and hint are what people read.
//! - `command/exec.rs`: `ccci exec` and `ccci shell`: into a service of an app under test.
//! - `command/explain.rs`: `ccci explain`: why a run did not pass, as far as known problems tell.
//! - `command/help.rs`: `ccci help`: the help of a command, or about a topic.
//! - `command/host.rs`: What every command starts from: the flags, the environment, the settings, the machine.
//! - `command/interview.rs`: All that has to be known about a recipe that is enrolled: by flags, else asked, else the defaults.
//! - `command/janitor.rs`: `ccci janitor`: reaps apps whose run is gone.
//! - `command/list.rs`: `ccci list`: where each recipe stands, from files of this host alone.
//! - `command/promote.rs`: `ccci promote`: makes a tested release the canonical of its recipe, by hand.
//! - `command/reconcile.rs`: `ccci reconcile`: makes the apps that the server itself needs what the configuration says.
//! - `command/secrets.rs`: Makes known what must not be shown, before any child starts.
//! - `command/select.rs`: Turns arguments and the words of a CI engine into the runs that are asked for.
//! - `command/sweep.rs`: `ccci sweep`: tests every recipe that has a new release, and promotes what passes.
//! - `command/teardown.rs`: `ccci teardown`: removes an app that somebody names, with Docker alone.
//! - `command/test.rs`: `ccci test`: from what was selected to the exit code.
//! - `command/testing.rs`: What every command that makes runs does: gets ready, makes the runs, reports them.
//! - `command/view.rs`: Where text goes: the terminal on standard error, messages for programs on standard output.
//! - `command/volume.rs`: The calls that ccci makes of itself, and that nobody types: work on one mounted volume, and snapshots for tests and benchmarks.
//! - `command/which_run.rs`: Which run somebody means: by its id, its directory, or its recipe.
//! - `lifecycle/`: What happens to one app in one run: never prints.
//! - `lifecycle/alert.rs`: Raises alerts: a file for each, then the command that the configuration names.
//! - `lifecycle/always_on.rs`: Keeps the records of always-on apps on the disk, one below the state directory for each domain.
//! - `lifecycle/announce.rs`: Announces the facts of a run to all who read them, in one order.
//! - `lifecycle/attempt.rs`: The inside of one run: prepares, runs the stages, tears down, writes the report.
//! - `lifecycle/backup_check.rs`: Checks that a backup holds what its labels promise and what was planted.
//! - `lifecycle/canary.rs`: The data canary: plants data in an app's volumes and databases, changes it, reads it back.
//! - `lifecycle/canary_row.rs`: The data canary in databases: a row in a table of its own, written and read by the engine's own client.
//! - `lifecycle/canonical.rs`: Where canonicals are kept on this host: their records and their last good snapshots.
//! - `lifecycle/causes.rs`: What docker and abra say when something fails, and what each of it means: one table.
//! - `lifecycle/claim.rs`: Claims an app for a run: the lead of the run, the lock of the app, and who has it otherwise.
//! - `lifecycle/classify.rs`: Whose fault an error is, by what docker and abra said.
//! - `lifecycle/codeploy.rs`: Deploys the app of a required recipe beside the run that requires it: a run of its own, which is held until it is let go.
//! - `lifecycle/convergence.rs`: Judges from services and tasks whether an app has converged, may still, or never will.
//! - `lifecycle/declared.rs`: Makes the checks that `recipe.toml` declares as data.
//! - `lifecycle/deploy.rs`: Makes an app and deploys it: record, secrets, journal, the first time and over what runs.
//! - `lifecycle/doctor.rs`: Looks at the host, each check beside the others and within a time limit; it changes nothing.
//! - `lifecycle/doctor/engine.rs`: Docker: its client, its engine, and the machine of the engine; what stands on the swarm is judged elsewhere.
//! - `lifecycle/doctor/files.rs`: What lies on the disks of this machine: the state directory, and the certificate authorities.
//! - `lifecycle/doctor/mend.rs`: Mends what ccci can mend without harm; who calls it has asked before.
//! - `lifecycle/doctor/names.rs`: The way in from outside: what a name below the base domain leads to, and the certificate that is shown there.
//! - `lifecycle/doctor/programs.rs`: The programs besides docker: git, what deploys, and what tests need.
//! - `lifecycle/doctor/swarm.rs`: The swarm and what stands on it: the network that apps share, its addresses, the proxy, the bot for backups, leftovers.
//! - `lifecycle/doctor/world.rs`: A host made up for the tests of this folder: its settings and what docker answers there when all is well.
//! - `lifecycle/ending.rs`: The end of a run: teardown or keeping, the last inventory, the verdict, the report.
//! - `lifecycle/enroll.rs`: Reads a recipe that is to be enrolled, and says what its files suggest; deploys nothing.
//! - `lifecycle/evidence.rs`: Gathers, before teardown, what shows why a stage did not pass.
//! - `lifecycle/explanation.rs`: Looks for known problems in what a run left in its directory.
//! - `lifecycle/fetch.rs`: Brings the recipe under test into the run's own directory and finds its revisions.
//! - `lifecycle/filling.rs`: Fills in the values of `[env]`: at first with a stand-in for what required apps give, later with what they gave.
//! - `lifecycle/ground.rs`: What a run stands on: whether engine and node were there all the time, without which no failure is the recipe's.
//! - `lifecycle/hold.rs`: What the run of a required recipe and the run that requires it tell each other.
//! - `lifecycle/images.rs`: Fetches images before any clock starts.
//! - `lifecycle/kept_secrets.rs`: Learns the secrets of an app that was there before its run: an earlier one made them, and this one must not show them.
//! - `lifecycle/lacking.rs`: What the tests need that this machine lacks: found out before anything is deployed.
//! - `lifecycle/leftovers.rs`: What earlier runs of the same app left when they were killed: objects of the swarm and working folders.
//! - `lifecycle/live.rs`: Checks that what was deployed lives: it converges, gets ready, answers and stays so.
//! - `lifecycle/mirror.rs`: Makes the mirror of a recipe equal to its upstream: the default branch and the tags, and no other ref.
//! - `lifecycle/mirror/difference.rs`: In what a mirror differs from upstream, as exact changes of its refs.
//! - `lifecycle/mirror/ends.rs`: Upstream and mirror of one recipe, as the settings name them.
//! - `lifecycle/mirror/pulls.rs`: Which open pull requests of a mirror are in upstream already.
//! - `lifecycle/mirror/tests/refused.rs`: Mirrors that cannot be made equal to upstream: nothing is changed, and it is said why.
//! - `lifecycle/mirror/trouble.rs`: What to say when a mirror could not be made equal to upstream, and what to do about it.
//! - `lifecycle/origin.rs`: Where a recipe is fetched from when nobody but its name says so, or a source that somebody gave.
//! - `lifecycle/orphan.rs`: Finds apps whose run is gone: looks at the registry and at the swarm, and has each app judged.
//! - `lifecycle/overlay.rs`: Runs the tests and hooks that people wrote, with what they may see of the run.
//! - `lifecycle/overlay_env.rs`: What the tests and hooks that people wrote see of a run: their environment, the way to the app included.
//! - `lifecycle/overlay_fence.rs`: What the own tests of a recipe may reach on this host, where anybody may have written them.
//! - `lifecycle/planting.rs`: Plants tokens at an app's spots before an operation and compares them after it.
//! - `lifecycle/preflight.rs`: What is asked of the machine before anything is done: programs, engine, swarm, network, disk, state directory.
//! - `lifecycle/prepare.rs`: Gets everything ready before anything is deployed: checkout, compose policy, names, tests, the plan.
//! - `lifecycle/promotion.rs`: What follows a run that shows that a release is good: a fresh install of it becomes the recipe's canonical.
//! - `lifecycle/provider.rs`: An app that others require, as its hooks see it: where it answers, and for whom they make something.
//! - `lifecycle/providing.rs`: Gets what a run requires: each app is there, has made what is needed, and goes back to what it was at the end.
//! - `lifecycle/reach.rs`: Finds out how an app is reached, waits until it answers, makes the checks that are declared as data.
//! - `lifecycle/reap.rs`: Removes apps whose run is gone, each under its lock and with the lead of its runs.
//! - `lifecycle/reconcile.rs`: One always-on app, made what the configuration says; whatever goes wrong with it is its own.
//! - `lifecycle/reconcile/inspect.rs`: What runs of an always-on app, which releases it has, and what their notes say; changes nothing.
//! - `lifecycle/reconcile/moves.rs`: Deploys releases of an always-on app, and brings the one before back where a new one is not well.
//! - `lifecycle/reconcile/shift.rs`: What is done to an always-on app besides deploying it: it is undeployed, and its data is saved and put back.
//! - `lifecycle/record.rs`: Keeps a run's report and writes it, as JSON, JUnit and Markdown, whenever it has grown.
//! - `lifecycle/requirements.rs`: Decides how the app of each required recipe comes to be there, and finds the hooks by which it provides.
//! - `lifecycle/runner.rs`: Executes one run from its first announcement to its report, and always ends in teardown.
//! - `lifecycle/selection.rs`: What `--test` selects of the tests that were found and of the checks that are declared.
//! - `lifecycle/session.rs`: One run while it goes on: what its stages share.
//! - `lifecycle/settle.rs`: Waits, driven by events, until an app has converged or never will.
//! - `lifecycle/settling.rs`: What a run does to the canonical at its end: puts it back, or lets its own app take its place.
//! - `lifecycle/side.rs`: One revision of the recipe under test: checked out, rendered, checked against the compose policy.
//! - `lifecycle/snapshot.rs`: Snapshots of the volumes of an app that is undeployed: taken, read, checked, put back.
//! - `lifecycle/snapshot/folder.rs`: The folder of a new snapshot: it has its name only when it is whole and on the disk.
//! - `lifecycle/snapshot/meter.rs`: How far a snapshot is, told a few times a second.
//! - `lifecycle/snapshot/ways.rs`: The two ways to the files of a volume: in this process, or in a container that mounts it; both write the same.
//! - `lifecycle/stage_end.rs`: How the end of a stage is recorded and announced, also of one that was never reached.
//! - `lifecycle/stages.rs`: What each stage of a cold run does and checks.
//! - `lifecycle/standing.rs`: Reads which recipes are enrolled and where each stands, from files of this host alone.
//! - `lifecycle/staying.rs`: How a run deploys an always-on app, which may be there before it and stays when it is over.
//! - `lifecycle/strays.rs`: Processes that left the group of the child that started them: found by the run's mark, killed, and named.
//! - `lifecycle/sweep.rs`: One recipe of a sweep, from its mirror to its canonical; whatever goes wrong with it is its own.
//! - `lifecycle/sweeps.rs`: The records of sweeps on this host: the last one is what the next is compared with.
//! - `lifecycle/tally.rs`: Makes one result of the tries of a test file.
//! - `lifecycle/teardown.rs`: Removes an app and proves that nothing of it is left.
//! - `lifecycle/terms.rs`: On what terms a recipe is tested: who may have written it, what it may do here, what is declared for it.
//! - `lifecycle/tries.rs`: Runs a test file as often as was asked for, each try with a place of its own for what it has to say.
//! - `lifecycle/warm.rs`: How a run takes over the canonical of its recipe, and what a dead run has left of it in use.
//! - `lifecycle/watchdog.rs`: Watches a run from the side: announces a signal at once and a slow stage each period.
//! - `lifecycle/withdrawal.rs`: Undoes what an app made for another, at the end of a run or long after one that was killed.
//! - `render/`: Model to text, into the `Write` it is given: never runs anything.
//! - `render/block.rs`: The blocks of several lines: the evidence of a stage, and how a run ended.
//! - `render/board.rs`: What is known of all runs and shown of them, on a clock that its caller keeps.
//! - `render/canonicals.rs`: The lines about canonicals: what was promoted or put back, and why not.
//! - `render/clean.rs`: Makes outside text harmless on a terminal: one line, without control sequences or marks that turn text around.
//! - `render/dependencies.rs`: The lines about the apps that a run requires: how each came to be there, and what became of it.
//! - `render/diagnosis.rs`: What a look at the host found, a line for each check, with the remedies below.
//! - `render/enroll.rs`: The files that are written for a recipe, each passing as it stands, and what people read before they are.
//! - `render/explain.rs`: Why a run did not pass, in words: its end, and each known problem with what shows it and what to do.
//! - `render/github.rs`: Workflow commands for GitHub Actions: an annotation per stage that did not pass.
//! - `render/junit.rs`: `JUnit` XML from a report, for CI systems that read it.
//! - `render/level.rs`: How much of a run is shown: the settings that choose, and the choice itself.
//! - `render/line.rs`: One line of a run: its status word, its colour, its place in the columns.
//! - `render/lines.rs`: Turns each event of a run into the lines that people read.
//! - `render/listing.rs`: What would run and why, stage by stage, for those who asked what there is.
//! - `render/live.rs`: The few lines that are redrawn while runs go on.
//! - `render/mode.rs`: Decides how progress is shown, from the flag and what is around.
//! - `render/plan.rs`: A plan as text, for those who asked what would be done.
//! - `render/problem_page.rs`: `docs/explain.md`: how a run is explained, and every problem that ccci knows.
//! - `render/reaping.rs`: What became of apps without a living run, a line each.
//! - `render/reconciling.rs`: What became of always-on apps: a line each, and below it what waits for a person.
//! - `render/results.rs`: The lines of stages and checks that ended.
//! - `render/running.rs`: What is known of a run while it goes on, gathered from its events.
//! - `render/sample.rs`: A run made up for the tests of this folder: it fails at backup, and each kind of event occurs.
//! - `render/sample/checks.rs`: Stages and checks that ended, made up for tests.
//! - `render/sample/screen.rs`: A screen made up for tests, and what is shown on it.
//! - `render/screen.rs`: The terminal that the live region is drawn on: cursor moves as bytes, one write a frame.
//! - `render/sizes.rs`: Sizes as the lines of a run show them, from bytes.
//! - `render/standing.rs`: Where recipes stand, as a table for people.
//! - `render/summary.rs`: The summary of a run as Markdown, for a page of CI.
//! - `render/sweeping.rs`: A sweep for people: what came of each recipe as it ends, and at the end what counts.
//! - `render/terminal.rs`: The one place where text for people is written: lines of all runs, and the live region below them.
//! - `render/times.rs`: Durations as the lines of a run show them, from milliseconds.
//! - `tool/`: One file per outside program or service: builds its arguments, parses its output, never decides a verdict.
//! - `tool/abra.rs`: The deployer that drives abra: every known trap of abra is dealt with here, and nowhere else.
//! - `tool/abra/answer.rs`: How a call of abra ended, by what it printed: pure parsers, made from the samples in their tests.
//! - `tool/abra/call.rs`: How abra is called: its environment, its terminal, its time limit, what its end means.
//! - `tool/abra/catalogue.rs`: The recipes of the catalogue, as abra keeps it on this host.
//! - `tool/abra/download.rs`: What a snapshot holds: abra downloads a part of it, which is searched without being unpacked.
//! - `tool/abra/listing.rs`: The lists that abra prints: pure parsers that take what versions may differ in.
//! - `tool/app.rs`: An app of a run as the deployers see it: its names and its places on this host.
//! - `tool/archive.rs`: Backups of the built-in deployer: one tar archive a volume or path, with the hooks that the labels name.
//! - `tool/deployer.rs`: What deploys an app: the trait of the two that ship.
//! - `tool/docker/`: Docker's command line: one private builder, one method per verb, parsers on bytes.
//! - `tool/docker/birth.rs`: When objects of the swarm came into being.
//! - `tool/docker/bystander.rs`: Services that run on the swarm beside the apps under test.
//! - `tool/docker/client.rs`: How docker is called, and how a call can end.
//! - `tool/docker/container.rs`: Containers of this node: copy to and from them, find their address, remove them.
//! - `tool/docker/exec.rs`: Commands in containers: they are run, and what outlives its client is ended there.
//! - `tool/docker/image.rs`: Images: whether this node has them, and getting those it lacks.
//! - `tool/docker/inventory.rs`: What is on the swarm: every object, with the stack that it says it belongs to.
//! - `tool/docker/network.rs`: Networks that apps share: whether one is there, and whether something on it answers on a port.
//! - `tool/docker/pool.rs`: The network that apps share, looked at closely: of what kind it is, and which of its addresses are taken.
//! - `tool/docker/service.rs`: Services and their tasks: what swarm wants, what it has, what went wrong.
//! - `tool/docker/setup.rs`: What a host needs of docker once: a swarm, and the network that apps share.
//! - `tool/docker/stack.rs`: Whole stacks: render their compose files, deploy them, make their secrets; and the engine itself.
//! - `tool/docker/volume.rs`: Volumes: looked at closely, and made again as they were.
//! - `tool/docker/volume_container.rs`: A container that mounts one volume and runs ccci itself there: for volumes whose files this process cannot reach.
//! - `tool/forge.rs`: A forge that speaks the API of Gitea: one of its repositories and that repository's pull requests, by HTTP.
//! - `tool/forge/address.rs`: Where a repository on a forge is, for git and for the API, made of checked parts alone.
//! - `tool/forge/error.rs`: Why a forge did not do what it was asked, told apart by what can be done about it.
//! - `tool/git.rs`: git: reads repositories, copies them, and takes one commit out of them.
//! - `tool/git/fetch.rs`: Copies of a repository: from this machine or from a server, into a directory of our own.
//! - `tool/git/history.rs`: Where commits stand to each other, in a repository that holds nothing but what was fetched to compare it.
//! - `tool/git/names.rs`: The names of branches and tags, read from a repository's own files: git is not started, and nothing is fetched.
//! - `tool/git/read.rs`: What a repository holds: its branches, tags and changes.
//! - `tool/git/remote.rs`: What a server has, by one listing and without any repository here, and the exact refs that it is given.
//! - `tool/git/tests/hostile.rs`: Repositories and names that try to make git do something else.
//! - `tool/git/tests/server.rs`: Fetching from a server that git's own program answers for.
//! - `tool/git/worktree.rs`: The files of a copy: one commit's, or those of a checkout as they are.
//! - `tool/overlay_files.rs`: Finds tests and hooks by their names, and refuses what cannot or must not run.
//! - `tool/overlay_files/kept.rs`: The tests that are kept beside ccci: each folder can be read, found and run.
//! - `tool/probe.rs`: HTTP requests to the app under test, by ureq.
//! - `tool/probe/doorway.rs`: Where a name leads to: its addresses, and the certificate that is shown there, be it trusted or not.
//! - `tool/probe/exchange.rs`: One exchange as evidence, and whose answer it is.
//! - `tool/probe/judge.rs`: Compares an answer with what was expected of it; never asks anything itself.
//! - `tool/probe/transport.rs`: How ureq connects: to which address, trusting whom.
//! - `tool/provider_hook.rs`: Runs the hooks of an app that others require: what such a hook prints to be given is a secret until it is read.
//! - `tool/rendering.rs`: A checkout and an `.env` become the rendered stack that a deployer hands to the swarm.
//! - `tool/runner.rs`: Runs one test or hook: the file itself, or pytest or hurl with it, and reads what these report.
//! - `tool/stack.rs`: The built-in deployer: reads the recipe format and drives docker alone, leaving what abra would leave.
//! - `tool/test_report.rs`: Reads what pytest and hurl report on the single tests of a file; what it says was written by a test and is never trusted.
//! - `tool/versions.rs`: The versions of the programs that run tests, in their own words.
//! - `sys/`: The operating system: processes, files, locks, signals; it does not know recipes.
//! - `sys/artifacts.rs`: The files that tests leave for people: masked like all that children print, and nothing but files.
//! - `sys/beside.rs`: Work that goes on beside its caller where the system has a thread for it, and in its caller's place where it has none.
//! - `sys/context.rs`: What a command has at hand: settings, what children share, the machine's name.
//! - `sys/durable.rs`: Files that survive a crash: replaced as a whole, or appended to record by record.
//! - `sys/interrupt.rs`: Signals that end a run set a state here, which loops ask; nothing here ends a child or a run.
//! - `sys/journal.rs`: The journal of a run: lines that are on disk before what they announce is done.
//! - `sys/lock.rs`: Named locks that the kernel frees when the last process that holds them ends; age and process ids decide nothing.
//! - `sys/own_program.rs`: The running program with all that it needs to run elsewhere: its own file, its libraries, its loader.
//! - `sys/process.rs`: The only place where a child process starts: environment, time limit, process group, log, redaction.
//! - `sys/process/capture.rs`: Reads one stream of a child: through the redactor into memory, log and lines.
//! - `sys/process/fence.rs`: A fence around a child: which files of this host it can read and write, kept by the kernel's Landlock.
//! - `sys/process/group.rs`: Signals to a whole process group, until none of its processes is left.
//! - `sys/process/line_stream.rs`: A child that runs beside its caller, who reads its lines when it likes.
//! - `sys/process/lines.rs`: Cuts a stream into lines that are safe to show: no control sequences, no endless line.
//! - `sys/process/output.rs`: How a child ended, with what it printed.
//! - `sys/process/quote.rs`: A command as people would type it in a shell; for people, never run by ccci.
//! - `sys/process/replace.rs`: The end of ccci in favour of another program, which takes its terminal over.
//! - `sys/process/script.rs`: Writes the scripts that stand for programs in tests, by a process that is none of ours.
//! - `sys/process/start.rs`: Starts a child with an environment, a process group and pipes of our own, and the threads that serve it.
//! - `sys/process/step_log.rs`: The log of one step: append-only, masked, capped; that it cannot be written stops no command.
//! - `sys/process/stray.rs`: Finds processes of a run that left their process group, by the marker in their environment.
//! - `sys/process/supervise.rs`: Watches a running child until it and its group have ended: time limit, signals, grace, kill.
//! - `sys/pty.rs`: A pair of pseudo-terminal ends, for programs that behave otherwise on a pipe; it starts nothing.
//! - `sys/random.rs`: Random bytes of the kernel.
//! - `sys/redact.rs`: Secret values, with the filter that every byte of child output passes; no `Secret` exists that the filter does not know.
//! - `sys/redact/forms.rs`: The spellings in which one secret value may turn up in the output of a program.
//! - `sys/redact/matcher.rs`: Finds every form of every secret in bytes; it knows no streams.
//! - `sys/run_dir.rs`: The directory of a run: events, logs and reports, redacted before they are written, and how long they are kept.
//! - `sys/run_files.rs`: What a run left in its directory: read within bounds, and never through a link.
//! - `sys/tombstones.rs`: Names of apps that were removed here a short while ago, so that a volume that is born late is known as ours.
//! - `sys/tree.rs`: A folder with all that is below it as one archive: packed, measured, unpacked.
//! - `sys/tree/attributes.rs`: The extended attributes that are kept: those of users, capabilities of programs, and access lists.
//! - `sys/tree/digester.rs`: A checksum that is made beside the work, in a thread of its own, over buffers that go round.
//! - `sys/tree/empty.rs`: Empties a folder, so that what is unpacked there is all that it holds.
//! - `sys/tree/entry.rs`: One entry of an archive: its header and PAX records as bytes, and back.
//! - `sys/tree/measure.rs`: Measures a tree without reading its content.
//! - `sys/tree/pack.rs`: Packs a tree: folders before what is in them, names in the order of their bytes, so that equal trees give equal archives.
//! - `sys/tree/pax.rs`: The records of a PAX header: each its length, a key and a value of any bytes.
//! - `sys/tree/sparse.rs`: Where a file has content and where it has holes, as the file system tells it and as archives write it.
//! - `sys/tree/stream.rs`: The two ends of an archive, each with its checksum: one that is written, one that is read.
//! - `sys/tree/tests/hostile.rs`: Archives that ccci never writes, made to lead out of their folder, to fill memory, or merely damaged: all are refused.
//! - `sys/tree/unpack.rs`: Unpacks an archive of ours into a folder, and refuses whatever ours never hold.
//! - `sys/tree/words.rs`: What a program that works on a tree in another place says of it: lines on its standard error.
//! - `sys/wait.rs`: Waiting with a deadline: the only place where ccci pauses, and each pause ends when a signal comes.
//! - `config/`: Settings of ccci and declarations of recipes: what was written becomes what is meant.
//! - `config/always_on.rs`: `[[always-on]]` of the settings: the apps that the server itself needs, as they were written and as they are meant.
//! - `config/environment.rs`: The environment, read once: what follows from it for ccci, and what children get of it.
//! - `config/error.rs`: Why settings or a recipe's declarations cannot be used.
//! - `config/file.rs`: Reads configuration files, and refuses those that nobody should trust.
//! - `config/keys.rs`: The list of all settings: each one's key, the variable that sets it, and who may set it.
//! - `config/layer.rs`: Layers of settings: each one's values with their origin, merged key by key.
//! - `config/load.rs`: Reads the layers of settings: files, environment and flags, each over the one before.
//! - `config/placeholder.rs`: Placeholders in the values of `[env]`: `{domain}` and its like stand for what only the run knows.
//! - `config/probe_config.rs`: `[[check]]` and `[[ready]]` of a `recipe.toml`: what was written becomes what is asked.
//! - `config/recipe_config.rs`: What a recipe declares about its own tests, in `recipe.toml`.
//! - `config/reference.rs`: `docs/config.md`, made from the commented files that hold every key.
//! - `config/sample.rs`: Settings for tests: those of a user without a home, on a host without a configuration.
//! - `config/settings.rs`: The settings, resolved: nothing is optional that has a default.
//! - `config/work_tree.rs`: Whether a directory belongs to the work tree under test, whose author must not configure this host.
//! - `config/written.rs`: The settings as a file writes them: everything optional, nothing unknown.
//! - `model/`: Pure types and decisions: never reads the clock, the disk or the environment.
//! - `model/abra_sh.rs`: The variables that a recipe's `abra.sh` exports, read as text; never executes any of it.
//! - `model/alert.rs`: What tells the people of a server that an always-on app needs them.
//! - `model/always_on.rs`: What is remembered of an always-on app between two looks at it.
//! - `model/app.rs`: How an app is named on the swarm, and whether a name is one of ours.
//! - `model/app_env.rs`: What an app's `.env` holds when ccci makes it from a recipe's sample.
//! - `model/approval.rs`: What an operator grants recipes whose heads anybody may have written: to run their own tests, to break a policy rule.
//! - `model/backup.rs`: What a stack's backup labels ask for, in both of their versions; never copies anything.
//! - `model/canonical.rs`: The record of a recipe's canonical: what is known to be good, and where its data is.
//! - `model/certificate.rs`: Until when a certificate is valid, read from its bytes; whether anybody should trust it is asked elsewhere.
//! - `model/check.rs`: What `[[check]]` and `[[ready]]` of a `recipe.toml` declare.
//! - `model/checksum.rs`: Checksums as they stand in names and records.
//! - `model/choice.rs`: What `--test` chooses of a plan, and what it leaves out.
//! - `model/compose.rs`: A rendered stack, as `docker stack config` prints it, in types; never runs Docker.
//! - `model/dependency.rs`: Which other recipes a run requires, how their apps are there, and what came of each.
//! - `model/diagnosis.rs`: What a look at a host found, check by check, and whether recipes can be tested there.
//! - `model/display.rs`: How a run is shown: the choices that flags make and the terminal obeys.
//! - `model/enrollment.rs`: What is decided about a recipe that is enrolled: the answers of a person, or the defaults.
//! - `model/env_file.rs`: The `.env` and `.env.sample` dialect as text; never reads the process environment.
//! - `model/event.rs`: What a run announces while it goes on, and the trait of those who read it.
//! - `model/health.rs`: The path by which an app says that it is well, as its labels, its health check or its image suggest it.
//! - `model/html.rs`: What a check reads from a page of HTML, valid or not.
//! - `model/input.rs`: What people type for durations, sizes, addresses and lists: text to type, with the rule in the error.
//! - `model/interpolation.rs`: The variables that compose files refer to, and whether they can do without a value; never fills one in.
//! - `model/journal.rs`: What a run's journal says: which objects can exist because of it.
//! - `model/labels.rs`: What the labels of a service say to Traefik and to abra; never asks either.
//! - `model/level.rs`: How far up the ladder of stages a run got.
//! - `model/likeness.rs`: Which of the names that are known somebody may have meant who wrote another.
//! - `model/lint.rs`: What a recipe's author should know before a release, found by comparing base and head.
//! - `model/manual_work.rs`: Whether the notes of a release ask for work that a person has to do; rather once too often than once too seldom.
//! - `model/nested.rs`: Host names below an app's own: found in a text, and moved beside the app's name.
//! - `model/outcome.rs`: How a stage, a check or a run ended, and whose fault it was.
//! - `model/pattern.rs`: Patterns that choose among the tests and declared checks of a recipe by their names.
//! - `model/plan.rs`: What a run will do, decided from facts before anything is deployed.
//! - `model/policy.rs`: What an untrusted recipe's compose files may ask for, deny by default; never reads a file.
//! - `model/policy_objects.rs`: The compose policy for volumes, networks, secrets and configs; never looks at services.
//! - `model/policy_raw.rs`: The compose policy for one file as it is written, before any tool sees it.
//! - `model/policy_service.rs`: The compose policy for services; never looks at top-level objects but to find their names.
//! - `model/problem.rs`: Known problems: what their lines look like, what they mean and what to do; finds them in lines, reads no file.
//! - `model/promotion.rs`: Whether a run makes its recipe's canonical: decided from what the run was and what is known to be good already.
//! - `model/proposal.rs`: What a recipe's own files suggest for its tests; never reads a file.
//! - `model/provided.rs`: What a provider gives to a dependent, as its hook prints it; never shows a value in a message.
//! - `model/random_value.rs`: How a value for a secret can be made for a test: a kind and a size, never a value.
//! - `model/reaping.rs`: Which apps are orphans: decided from the registry of runs, what is on the swarm, and the time.
//! - `model/reaping/verdict.rs`: What becomes of an app without a living run, and why, in words.
//! - `model/recipe.rs`: What names and versions a recipe has.
//! - `model/reconciling.rs`: What is to be done about an always-on app: decided from its record, what runs, its releases and what a person approved.
//! - `model/reconciling/course.rs`: How far the releases lead from the one that runs, and what stops there.
//! - `model/report.rs`: The record of a run that other programs read: `report.json`.
//! - `model/resource.rs`: Kinds and names of the objects that an app leaves on a swarm; never asks the swarm itself.
//! - `model/run.rs`: What is asked of a run, and how a run is called.
//! - `model/sample.rs`: What tests of several files are about.
//! - `model/sealed.rs`: A record as JSON with the version of its format and a checksum, so that what was damaged is never taken for a record.
//! - `model/secret_spec.rs`: Which secrets a recipe wants, by the lines of its `.env`; never makes or sees a value.
//! - `model/service.rs`: One service of a rendered stack in types; never looks at what is around it.
//! - `model/skip.rs`: Why something was not run, and whether the level climbs past it.
//! - `model/snapshot.rs`: What a snapshot of an app's volumes holds: its manifest, read with suspicion; never touches a volume.
//! - `model/source.rs`: Where a recipe's repository comes from: parsed into parts, never matched by pattern.
//! - `model/stage.rs`: The stages of a run and their order.
//! - `model/standing.rs`: Where a recipe stands, by the reports of its runs: its level, its last run, its flaky results.
//! - `model/story.rs`: What is known of a run that somebody looks at later: by its report, and by its events where the report is gone.
//! - `model/sweep.rs`: A sweep over all enrolled recipes: what is done with each, what came of it, and what changed since the last one.
//! - `model/tries.rs`: How often a test file is run over one deployed app, and what its tries are worth together.
//! - `model/yaml.rs`: Reads compose's scalars, lists and maps out of YAML, in either of their two forms.

use std::ffi::OsString;

pub mod cli;
pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod exit;
pub(crate) mod lifecycle;
pub mod model;
pub(crate) mod render;
pub(crate) mod sys;
pub(crate) mod tool;

/// Runs one command line and returns its exit code.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> u8 {
    command::dispatch::run(argv.into_iter().collect())
}

/// Returns the pages of the reference that are made from the program itself, each with its path.
pub fn references() -> [(&'static str, String); 3] {
    [
        ("docs/cli.md", cli::reference()),
        ("docs/config.md", config::reference::reference()),
        ("docs/explain.md", render::problem_page::reference()),
    ]
}

/// Returns the scripts of completion as packages install them, each with its path.
pub fn completions() -> [(&'static str, String); 3] {
    let files = [
        ("bash", "completions/ccci.bash"),
        ("zsh", "completions/_ccci"),
        ("fish", "completions/ccci.fish"),
    ];
    files.map(|(shell, path)| (path, command::complete::installed_script(shell)))
}

/// Returns the exit codes of every command, each with its meaning, in the order of the numbers.
pub fn exit_codes() -> &'static [(&'static str, &'static str)] {
    &exit::MEANINGS
}
