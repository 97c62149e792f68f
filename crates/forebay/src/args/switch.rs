//! dbt's switches: each is `--name` or `--no-name`, `DBT_NAME`, or a flag of `dbt_project.yml`.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// Something that is on or off.
#[derive(Debug)]
pub struct Switch {
    pub name: &'static str,
    opposite: &'static str,
    short: Option<char>,
    pub default: bool,
    help: &'static str,
}

macro_rules! switch {
    ($name:literal, $default:literal, $help:literal $(,)?) => {
        Switch {
            name: $name,
            opposite: concat!("no-", $name),
            short: None,
            default: $default,
            help: $help,
        }
    };
}

const fn short(short: char, switch: Switch) -> Switch {
    Switch {
        short: Some(short),
        ..switch
    }
}

pub static CACHE: Switch = switch!("partial-parse", true, "Accepted; nothing is cached.");
pub static COLORS: Switch = switch!("use-colors", true, "Colour in what is said.");
pub static DEBUG: Switch = short('d', switch!("debug", false, "Say more."));
pub static DEFER: Switch = switch!(
    "defer",
    false,
    "Read nodes that are neither selected nor there from where --state says they are.",
);
pub static EMPTY: Switch = switch!("empty", false, "Read no rows of refs and sources.");
pub static FAIL_FAST: Switch = short(
    'x',
    switch!(
        "fail-fast",
        false,
        "Start nothing more after the first failure.",
    ),
);
pub static FAVOR_STATE: Switch = switch!(
    "favor-state",
    false,
    "With --defer: read nodes that are not selected from there, even where they are here.",
);
pub static FULL_REFRESH: Switch = short(
    'f',
    switch!("full-refresh", false, "Build incremental models anew."),
);
pub static PRINT: Switch = switch!("print", true, "Show what macros print.");
pub static QUIET: Switch = short(
    'q',
    switch!("quiet", false, "Only errors, nothing else, on stderr."),
);
pub static STORE_FAILURES: Switch = switch!(
    "store-failures",
    false,
    "Keep the failing rows of tests as tables.",
);
pub static WARN_ERROR: Switch = switch!("warn-error", false, "Warnings are errors.");
pub static WRITE_JSON: Switch = switch!("write-json", true, "Write artifacts to target/.");

/// All that are known. Those without a constant change nothing here: there is no adapter with a
/// cache, nothing is sent anywhere, and there is one parser.
static ALL: &[&Switch] = &[
    &CACHE,
    &COLORS,
    &DEBUG,
    &DEFER,
    &EMPTY,
    &FAIL_FAST,
    &FAVOR_STATE,
    &FULL_REFRESH,
    &PRINT,
    &QUIET,
    &STORE_FAILURES,
    &WARN_ERROR,
    &WRITE_JSON,
    &switch!("cache-selected-only", false, ""),
    &switch!("introspect", true, ""),
    &switch!("log-cache-events", false, ""),
    &switch!("macro-debugging", false, ""),
    &switch!("partial-parse-file-diff", false, ""),
    &switch!("populate-cache", true, ""),
    &switch!("send-anonymous-usage-stats", true, ""),
    &switch!("show-all-deprecations", false, ""),
    &switch!("show-resource-report", false, ""),
    &switch!("single-threaded", false, ""),
    &switch!("static-parser", true, ""),
    &switch!("upload-to-artifacts-ingest-api", false, ""),
    &switch!("use-colors-file", true, ""),
    &switch!("use-experimental-parser", false, ""),
    &switch!("use-fast-test-edges", true, ""),
    &switch!("version-check", true, ""),
];

/// What the command line says of them, by name.
#[derive(Clone, Debug, Default)]
pub struct Switches(BTreeMap<String, bool>);

impl Switches {
    pub fn get(&self, switch: &Switch) -> Option<bool> {
        self.0.get(switch.name).copied()
    }

    /// What an earlier call was told, unless this one says otherwise.
    pub fn or(&mut self, switch: &Switch, earlier: bool) {
        self.0.entry(switch.name.to_owned()).or_insert(earlier);
    }
}

pub fn all() -> impl Iterator<Item = &'static Switch> {
    ALL.iter().copied()
}

impl clap::Args for Switches {
    fn augment_args(command: Command) -> Command {
        ALL.iter().fold(command, |command, switch| {
            let on = Arg::new(switch.name)
                .long(switch.name)
                .short(switch.short)
                .help(switch.help)
                .hide(switch.help.is_empty() || switch.default)
                .overrides_with(switch.opposite);
            let off = Arg::new(switch.opposite)
                .long(switch.opposite)
                .help(format!("Not --{}.", switch.name))
                .hide(!switch.default || switch.help.is_empty())
                .overrides_with(switch.name);
            let flag = |arg: Arg| arg.action(ArgAction::SetTrue).global(true);
            command.arg(flag(on)).arg(flag(off))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Switches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let written = |switch: &&Switch| {
            let name = switch.name.to_owned();
            if matches.get_flag(&name) {
                Some((name, true))
            } else {
                matches.get_flag(switch.opposite).then_some((name, false))
            }
        };
        Ok(Self(ALL.iter().filter_map(written).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
