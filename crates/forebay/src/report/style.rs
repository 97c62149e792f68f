//! Colour, where the reader wants it.

use std::io::IsTerminal;

/// Follows `NO_COLOR` and `CLICOLOR_FORCE`; without either, colour is for terminals.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    on: bool,
    /// Whether stderr is a terminal, on which lines may be redrawn.
    pub terminal: bool,
}

impl Style {
    pub fn of_stderr(wanted: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = std::io::stderr().is_terminal();
        Self {
            on: wanted && !set("NO_COLOR") && (terminal || set("CLICOLOR_FORCE")),
            terminal,
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
}
