//! What is known of all runs and shown of them, on a clock that its caller keeps.

use std::{
    io::{self, Write},
    time::Duration,
};

use super::{
    clean::{Colours, clean, clean_output},
    level::{Verbosity, Weight},
    line::Line,
    lines::{View, heartbeat, lines},
    live,
    mode::Mode,
    running::Running,
    screen::{AskSize, Out, Region},
};
use crate::model::{event::Event, stage::Stage};

/// How long a run goes on before the live region is drawn.
const FIRST_FRAME: Duration = Duration::from_millis(500);
/// The time from one frame to the next.
const FRAME_TIME: Duration = Duration::from_millis(250);
/// Shows the cursor, whoever hid it.
pub(crate) const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// Whether child output is shown as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    /// It goes to its log; with `-v` it is shown with a prefix.
    Yes,
    /// It passes through without a prefix.
    No,
}

/// All that a terminal has to know.
pub(crate) struct Options {
    /// How progress is shown.
    pub(crate) mode: Mode,
    /// How lines look and which are shown.
    pub(crate) view: View,
    /// Whether child output passes through.
    pub(crate) capture: Capture,
    /// After how long without a line a plain run says that it is alive; nothing for never.
    pub(crate) heartbeat: Option<Duration>,
    /// How large the terminal is; asked before each frame.
    pub(crate) size: AskSize,
    /// Where text goes.
    pub(crate) out: Box<dyn Write + Send>,
}

/// What is known and shown; the time is always given, so that tests need no clock.
pub(crate) struct Board {
    /// How progress is shown.
    mode: Mode,
    /// How lines look and which are shown.
    view: View,
    /// Whether child output passes through.
    capture: Capture,
    /// After how long without a line a heartbeat is written.
    heartbeat: Option<Duration>,
    /// Where text goes.
    out: Out,
    /// The live region.
    region: Region,
    /// All runs, those that are over too.
    pub(crate) runs: Vec<Running>,
    /// When the last line was written.
    last_line: Duration,
    /// Whether no frame and no heartbeat may follow.
    pub(crate) closed: bool,
}

impl Board {
    /// Makes an empty board.
    pub(crate) fn new(options: Options) -> Self {
        let out = Out::new(options.out);
        Self {
            mode: options.mode,
            view: options.view,
            capture: options.capture,
            heartbeat: options.heartbeat,
            region: Region::new(out.clone(), options.size),
            out,
            runs: Vec::new(),
            last_line: Duration::ZERO,
            closed: false,
        }
    }

    /// Tells whether anything happens by itself.
    pub(crate) fn ticks(&self) -> bool {
        let silent = self.view.levels.verbosity == Verbosity::Silent;
        match self.mode {
            Mode::Live => !silent,
            Mode::Plain => self.heartbeat.is_some() && self.shows(Weight::Progress),
            Mode::Results => false,
        }
    }

    /// Tells whether a line of this weight is shown.
    fn shows(&self, weight: Weight) -> bool {
        let of_mode = weight != Weight::Progress || self.mode == Mode::Plain;
        of_mode && self.view.levels.show(weight)
    }

    /// Returns how long nothing happens by itself.
    pub(crate) fn next_tick(&self, at: Duration) -> Duration {
        match (self.mode, self.heartbeat) {
            (Mode::Plain | Mode::Results, Some(period)) => {
                self.last_line.saturating_add(period).saturating_sub(at)
            }
            (Mode::Live | Mode::Plain | Mode::Results, _) => FRAME_TIME,
        }
    }

    /// Draws a frame or writes a heartbeat, when one is due.
    pub(crate) fn tick(&mut self, at: Duration) -> io::Result<()> {
        match (self.mode, self.heartbeat) {
            (Mode::Live, _) => {
                self.draw(at);
                Ok(())
            }
            (Mode::Plain, Some(period)) if at.saturating_sub(self.last_line) >= period => {
                let active = self.runs.iter().filter(|run| !run.over);
                let lines: Vec<_> = active.map(|run| heartbeat(run, at, &self.view)).collect();
                self.last_line = at;
                self.print(&lines, at)
            }
            (Mode::Plain | Mode::Results, _) => Ok(()),
        }
    }

    /// Takes the live region off the screen until it is drawn again.
    pub(crate) fn hide(&mut self) -> io::Result<()> {
        self.region.hide()
    }

    /// Draws the live region, once a run has gone on for a while.
    fn draw(&mut self, at: Duration) {
        let mut active = self.runs.iter().filter(|run| !run.over);
        if active.any(|run| at.saturating_sub(run.since) >= FIRST_FRAME) {
            let frame = live::frame(&self.runs, at, self.region.size(), &self.view.look);
            self.region.draw(&frame);
        }
    }

    /// Takes note of an event and shows its lines.
    pub(crate) fn read(&mut self, event: &Event, at: Duration) -> io::Result<()> {
        let place = self.place_of(event, at);
        self.view.many = self.runs.iter().filter(|run| !run.over).count() > 1;
        let shown = lines(event, &self.runs[place], &self.view);
        self.runs[place].note(event, at);
        if self.runs.iter().all(|run| run.over) {
            self.region.hide()?;
        }
        self.print(&shown, at)
    }

    /// Returns the place of an event's run, made when this is its first event.
    fn place_of(&mut self, event: &Event, at: Duration) -> usize {
        let id = event.run_id.as_str();
        if let Some(place) = self.runs.iter().position(|run| run.id == id) {
            return place;
        }
        self.runs.push(Running::new(event, at));
        self.runs.len() - 1
    }

    /// Keeps a line of a child, and shows it when that was asked for.
    ///
    /// A command line of ccci's own begins with `$ `: it is shown by `-v` alone, since dozens are made while waiting.
    pub(crate) fn echo(
        &mut self,
        (recipe, stage): (&str, Option<Stage>),
        line: &str,
        at: Duration,
    ) -> io::Result<()> {
        let is_command = line.starts_with("$ ");
        let mut active = self.runs.iter_mut().filter(|run| !run.over && !is_command);
        if let Some(run) = active.find(|run| run.recipe == recipe) {
            run.keep_line(clean_output(line, Colours::Removed));
        }
        let colours = if self.view.look.colour {
            Colours::Kept
        } else {
            Colours::Removed
        };
        let text = clean_output(line, colours);
        let place = stage.map(|stage| format!("/{stage}")).unwrap_or_default();
        if self.capture == Capture::No && !is_command {
            self.write(&text, at)
        } else if self.view.levels.verbosity >= Verbosity::Verbose {
            self.write(&format!("{}{place} | {text}", clean(recipe)), at)
        } else {
            Ok(())
        }
    }

    /// Writes those of the lines that are to be shown, as one block.
    pub(crate) fn print(&mut self, lines: &[Line], at: Duration) -> io::Result<()> {
        let shown = lines.iter().filter(|line| self.shows(line.weight));
        let painted: Vec<_> = shown.map(|line| line.paint(&self.view.look)).collect();
        if painted.is_empty() {
            return Ok(());
        }
        self.write(&painted.join("\n"), at)
    }

    /// Writes text above the region, or plainly when there is none.
    pub(crate) fn write(&mut self, text: &str, at: Duration) -> io::Result<()> {
        self.last_line = at;
        if self.region.is_shown() {
            self.region.print(text)
        } else {
            self.out.write(format!("{text}\n").as_bytes())
        }
    }

    /// Takes the region away for good and shows the cursor.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.closed, true) || self.mode != Mode::Live {
            return Ok(());
        }
        let hidden = self.region.hide();
        self.out.write(SHOW_CURSOR.as_bytes())?;
        hidden
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use indicatif::{InMemoryTerm, TermLike};

    use super::*;
    use crate::{
        model::event::Fact,
        render::{
            level::Levels,
            sample::{self, Wire, options},
            screen::Size,
        },
    };

    /// A writer into a terminal in memory, which ends lines as a terminal's driver does.
    struct Glass(InMemoryTerm);

    impl Write for Glass {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).expect("only text is written");
            self.0.write_str(&text.replace('\n', "\r\n"))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn live(rows: u16, columns: u16) -> (Board, InMemoryTerm) {
        let glass = InMemoryTerm::new(rows, columns);
        let out = Box::new(Glass(glass.clone()));
        (
            Board::new(options(Mode::Live, Size { rows, columns }, out)),
            glass,
        )
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Plays the sample run up to the middle of the stage upgrade.
    fn play_half(board: &mut Board) {
        let events = sample::run();
        for event in &events[..12] {
            board.read(event, seconds(1)).unwrap();
        }
        let services = vec![
            sample::service("app", 0, "starting", None),
            sample::service("db", 1, "running", None),
        ];
        let progress = sample::progress(Stage::Upgrade, "GET /wp-login.php 502, try 19", services);
        board.read(&sample::event(progress), seconds(100)).unwrap();
        let line = "app: PHP Warning: mysqli_connect(): \u{1b}[31mConnection refused\u{1b}[2J";
        board.echo(("wordpress", None), line, seconds(100)).unwrap();
        board.tick(seconds(110)).unwrap();
    }

    #[test]
    fn a_frame_of_80_columns_has_four_lines_below_the_permanent_ones() {
        let (mut board, glass) = live(24, 80);
        play_half(&mut board);
        insta::assert_snapshot!(glass.contents(), @r"
                 Run 92222 wordpress: word-3fa91c.ci.example.org, docker 28.2.2, ingress
         proxy
                Logs /home/ada/.local/state/ccci/runs/92222
            Starting wordpress 2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0: 4 stages, 1 ski
        pped
        warning: wordpress: `skip-generic` leaves out generic checks of stage `upgrade`
        warning: wordpress: `tests/custom.sh` will not run: the pull request is not appr
        oved
             Waiting wordpress: image wordpress:6.8.1
                PASS [ 1m 49s] (1/5) wordpress install
             Testing [00:01:49] ====>                1/4: 1 running, 1 passed
             upgrade [00:01:49] GET /wp-login.php 502, try 19, gives up in 1m 29s
            services app 0/1 starting   db 1/1 running
                     app: PHP Warning: mysqli_connect(): Connection refused
        ");
    }

    #[test]
    fn a_frame_of_40_columns_leaves_out_tail_services_and_bar() {
        let (mut board, glass) = live(10, 40);
        let plan = Fact::Plan {
            recipes: vec![sample::plan()],
        };
        for fact in [plan, sample::begun(Stage::Upgrade)] {
            board.read(&sample::event(fact), seconds(1)).unwrap();
        }
        let services = vec![sample::service("app", 0, "starting", None)];
        let progress = sample::progress(Stage::Upgrade, "GET /wp-login.php 502, try 19", services);
        board.read(&sample::event(progress), seconds(1)).unwrap();
        board
            .echo(("wordpress", None), "a line", seconds(2))
            .unwrap();
        board.tick(seconds(3)).unwrap();
        insta::assert_snapshot!(glass.contents(), @r"
            Starting wordpress 2.14.0+6.8.1 (888
        8888) from 2.13.1+6.8.0: 4 stages, 1 ski
        pped
        warning: wordpress: `skip-generic` leave
        s out generic checks of stage `upgrade`
        warning: wordpress: `tests/custom.sh` wi
        ll not run: the pull request is not appr
        oved
             Testing [00:00:02] 0/4: 1 running
             upgrade [00:00:02] GET /wp-login.…
        ");
    }

    #[test]
    fn lines_stand_above_the_frame_and_nothing_of_it_remains_at_the_end() {
        let (mut board, glass) = live(40, 80);
        for (event, second) in sample::run().iter().zip(1..) {
            board.read(event, seconds(second)).unwrap();
            board.tick(seconds(second) + FIRST_FRAME).unwrap();
        }
        board.close().unwrap();
        insta::assert_snapshot!(glass.contents(), @r"
                 Run 92222 wordpress: word-3fa91c.ci.example.org, docker 28.2.2, ingress
         proxy
                Logs /home/ada/.local/state/ccci/runs/92222
            Starting wordpress 2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0: 4 stages, 1 ski
        pped
        warning: wordpress: `skip-generic` leaves out generic checks of stage `upgrade`
        warning: wordpress: `tests/custom.sh` will not run: the pull request is not appr
        oved
             Waiting wordpress: image wordpress:6.8.1
                PASS [ 1m 49s] (1/5) wordpress install
                SLOW [> 3m 0s] (2/5) wordpress upgrade: app 0/1 starting
                PASS [ 1m 49s] (2/5) wordpress upgrade
        warning: wordpress: config `conf` changed, its version did not
            hint: raise `CONF_VERSION`
                FAIL [ 1m 49s] (3/5) wordpress backup: dump of `db` is empty
            ── 03-backup/abra.log, last 2 of 58 lines ──
            | mariadb-dump: Got error: 1045: Access denied
            |     PASS [ 1m 49s] (5/5) wordpress custom
            error: dump of `db` is empty
              caused by: `backup.sql` in volume `db-data` is 0 bytes
              caused by: pre-hook of service `db` exited 1
            hint: keep secret `db_root_password` at the version the base has
            log: /home/ada/.local/state/ccci/runs/92222/03-backup
            reproduce: ccci test wordpress --ref 8f3c1d2 --keep failed
                SKIP [       ] (4/5) wordpress restore: backup failed
          TRY 1 FAIL [       ] wordpress custom: test_custom_login.py: dump of `db` is e
        mpty
           FLAKY 2/2 [    14s] wordpress custom: test_custom_login.py
               FLAKY [ 1m 49s] (5/5) wordpress custom: 1 test, 1 check
            Teardown [    22s] wordpress: removed 1 network, 4 secrets, 2 services
        ────────────
             Summary [ 9m 58s] wordpress, 5 stages: 3 passed (1 flaky), 1 failed, 1 skip
        ped; level 2 of 5
           FLAKY 2/2 [    14s] wordpress custom: test_custom_login.py
                FAIL [ 1m 49s] wordpress backup: dump of `db` is empty
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: recipe `wordpress` failed at stage `backup`
            hint: run `ccci explain 92222`
        ");
    }

    #[test]
    fn many_runs_have_a_line_each_and_no_more_than_eight() {
        let (mut board, glass) = live(24, 80);
        board.view.levels.verbosity = Verbosity::Quiet;
        for number in 0..11 {
            let recipe = format!("recipe-{number}");
            let facts = [
                sample::begun(Stage::Install),
                sample::progress(
                    Stage::Install,
                    "",
                    vec![sample::service("app", 0, "preparing", None)],
                ),
            ];
            for fact in facts {
                board
                    .read(&sample::event_of(&recipe, number, fact), seconds(number))
                    .unwrap();
            }
        }
        board.tick(seconds(30)).unwrap();
        insta::assert_snapshot!(glass.contents(), @r"
         Testing [00:00:30] 11 running
        recipe-0 [00:00:30] install (1/5) app 0/1 preparing, gives up in 1m 9s
        recipe-1 [00:00:29] install (1/5) app 0/1 preparing, gives up in 1m 10s
        recipe-2 [00:00:28] install (1/5) app 0/1 preparing, gives up in 1m 11s
        recipe-3 [00:00:27] install (1/5) app 0/1 preparing, gives up in 1m 12s
        recipe-4 [00:00:26] install (1/5) app 0/1 preparing, gives up in 1m 13s
        recipe-5 [00:00:25] install (1/5) app 0/1 preparing, gives up in 1m 14s
        recipe-6 [00:00:24] install (1/5) app 0/1 preparing, gives up in 1m 15s
        recipe-7 [00:00:23] install (1/5) app 0/1 preparing, gives up in 1m 16s
                 … 3 more
        ");
    }

    #[test]
    fn nothing_is_drawn_in_the_first_half_second() {
        let (mut board, glass) = live(24, 80);
        let what = "the recipe's repository".to_owned();
        let event = sample::event_of("n8n", 1, Fact::Waiting { what });
        board.read(&event, Duration::ZERO).unwrap();
        board
            .tick(FIRST_FRAME.checked_sub(Duration::from_millis(1)).unwrap())
            .unwrap();
        assert!(!board.region.is_shown());
        board.tick(FIRST_FRAME).unwrap();
        insta::assert_snapshot!(glass.contents(), @r"
        Waiting n8n: the recipe's repository
        Testing [00:00:00]
            n8n [00:00:00] waiting for the recipe's repository
        ");
    }

    #[test]
    fn the_narrowest_terminal_does_no_harm() {
        for columns in [0, 1, 2, 9] {
            let size = Size { rows: 0, columns };
            let mut board = Board::new(options(Mode::Live, size, Box::new(io::sink())));
            play_half(&mut board);
            board.write("漢字漢字", seconds(111)).unwrap();
            assert!(board.region.is_shown());
        }
    }

    #[test]
    fn a_heartbeat_waits_for_its_period_after_each_line() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let mut board = Board::new(options(Mode::Plain, size, Box::new(Wire(send))));
        let what = "the lock".to_owned();
        let event = sample::event_of("n8n", 1, Fact::Waiting { what });
        board.read(&event, seconds(10)).unwrap();
        board.tick(seconds(39)).unwrap();
        assert_eq!(lines.try_iter().count(), 1);
        assert_eq!(board.next_tick(seconds(39)), seconds(1));
        board.tick(seconds(40)).unwrap();
        assert_eq!(
            lines.try_iter().collect::<Vec<_>>(),
            ["             30s: waiting for the lock\n"]
        );
        assert_eq!(board.next_tick(seconds(40)), seconds(30));
    }

    #[test]
    fn the_lines_of_one_event_are_one_write() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let mut board = Board::new(options(Mode::Plain, size, Box::new(Wire(send))));
        board
            .read(&sample::event(Fact::Kept(sample::kept())), seconds(1))
            .unwrap();
        let writes: Vec<_> = lines.try_iter().collect();
        assert_eq!(writes.len(), 1);
        assert_eq!(writes[0].lines().count(), 3);
    }

    #[test]
    fn results_alone_leave_out_what_goes_on() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let mut board = Board::new(options(Mode::Results, size, Box::new(Wire(send))));
        for event in sample::run() {
            board.read(&event, seconds(1)).unwrap();
        }
        let text: String = lines.try_iter().collect();
        assert!(
            !text.contains("START") && !text.contains("preparing"),
            "{text}"
        );
        assert!(
            text.contains("        PASS ") && text.contains("     Summary "),
            "{text}"
        );
    }

    #[test]
    fn lines_of_children_are_shown_with_a_prefix_when_asked_for() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let mut board = Board::new(options(Mode::Plain, size, Box::new(Wire(send))));
        let line = "PASS\r\u{1b}[2K::error::x";
        board
            .echo(("n8n", Some(Stage::Install)), line, seconds(1))
            .unwrap();
        assert_eq!(lines.try_iter().count(), 0);
        board.view.levels = Levels {
            verbosity: Verbosity::Verbose,
            ..Levels::default()
        };
        board
            .echo(("n8n", Some(Stage::Install)), line, seconds(1))
            .unwrap();
        board.capture = Capture::No;
        board.echo(("n8n", None), line, seconds(1)).unwrap();
        let shown: Vec<_> = lines.try_iter().collect();
        assert_eq!(
            shown,
            ["n8n/install | PASS ::error::x\n", "PASS ::error::x\n"]
        );
    }

    #[test]
    fn a_status_tells_what_runs_how_long_and_the_last_lines() {
        let (mut board, _) = live(24, 80);
        play_half(&mut board);
        for number in 0..30 {
            board
                .echo(("wordpress", None), &format!("line {number}"), seconds(110))
                .unwrap();
        }
        let text = live::status(&board.runs, seconds(110));
        assert_eq!(text.matches("\n  | line ").count(), 20);
        assert!(text.ends_with("\n  | line 29\n"), "{text}");
        let head: Vec<_> = text.lines().take(2).collect();
        insta::assert_snapshot!(head.join("\n"), @r"
        wordpress upgrade (2/5) [00:01:49] GET /wp-login.php 502, try 19, gives up in 1m 29s
          services: app 0/1 starting, db 1/1 running
        ");
    }

    #[test]
    fn a_writer_that_fails_is_reported() {
        let (send, lines) = mpsc::channel();
        drop(lines);
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let mut board = Board::new(options(Mode::Plain, size, Box::new(Wire(send))));
        let what = "the lock".to_owned();
        let waiting = sample::event(Fact::Waiting { what });
        assert!(board.read(&waiting, seconds(1)).is_err());
    }
}
