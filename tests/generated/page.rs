//! The man page of the program: a template, and the definition of the command line in mdoc(7).

use clap::{Arg, Command};

/// The page, with the parts of the template that are made from the command line.
pub fn of(mut command: Command, template: &str) -> String {
    command.build();
    let commands: Vec<_> = command
        .get_subcommands()
        .filter(|it| it.get_name() != "help")
        .collect();
    let mut synopsis = usage(&command);
    let mut sections = String::new();
    for sub in commands {
        synopsis += &usage(sub);
        sections += &section(sub);
    }
    let parts = [
        ("@SYNOPSIS@\n", synopsis.as_str()),
        ("@OPTIONS@\n", &options(&command, |_| true)),
        ("@COMMANDS@\n", &sections),
    ];
    parts
        .iter()
        .fold(template.to_owned(), |page, (name, made)| {
            assert!(page.contains(name), "{name} is not in the template");
            page.replace(name, made)
        })
}

/// A line of the synopsis: how a command is called.
fn usage(command: &Command) -> String {
    let mut usage = ".Nm\n".to_owned();
    let name = command.get_name();
    if name != "intercessor" {
        usage += &format!(".Cm {name}\n");
    }
    for arg in command.get_arguments().filter(|it| !tells_only(it)) {
        let call = format!("{}{}", short(arg), value(arg));
        usage += &match arg.is_required_set() {
            true => format!(".{}\n", call.trim_start()),
            false => format!(".Op {}\n", call.trim_start()),
        };
        if repeats(arg) {
            usage += ".Ar ...\n";
        }
    }
    usage
}

/// A section of a command: what it is for, its options, and what its help says after them.
fn section(command: &Command) -> String {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.expect("says what it is for").to_string();
    let about = match about.split_once("\n\n") {
        Some((first, more)) => format!("{first}. {more}"),
        None => format!("{about}."),
    };
    let mut section = format!(".Ss {}\n{}\n", command.get_name(), text(&about));
    section += &options(command, |arg| !tells_only(arg));
    let more = command.get_after_help().map(ToString::to_string);
    // The page has examples of its own.
    if let Some(more) = more.filter(|it| !it.starts_with("Examples:")) {
        let (title, lines) = more.split_once('\n').expect("a title");
        let lines: Vec<_> = lines.lines().map(|it| text(it.trim_start())).collect();
        let (title, lines) = (text(title), lines.join("\n"));
        section += &format!(".Pp\n{title}\n.Bd -literal -offset indent\n{lines}\n.Ed\n");
    }
    section
}

fn options(command: &Command, filter: impl Fn(&Arg) -> bool) -> String {
    let mut list = String::new();
    for arg in command.get_arguments().filter(|it| filter(it)) {
        let names = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("Fl {short} , Fl -{long}"),
            (None, Some(long)) => format!("Fl -{long}"),
            _ => String::new(),
        };
        let item = format!("{names}{}", value(arg));
        let help = arg.get_help().expect("says what it is for");
        let help = text(&format!("{help}."));
        list += &format!(".It {}\n{help}\n", item.trim_start());
        let choices: Vec<_> = arg
            .get_possible_values()
            .iter()
            .map(|it| it.get_name().to_owned())
            .collect();
        if takes_value(arg) && !choices.is_empty() {
            list += &format!("One of {}.\n", choices.join(", "));
        }
    }
    match list.as_str() {
        "" => list,
        _ => format!(".Bl -tag -width Ds\n{list}.El\n"),
    }
}

fn short(arg: &Arg) -> String {
    match (arg.get_short(), arg.get_long()) {
        (Some(short), _) => format!("Fl {short}"),
        (None, Some(long)) => format!("Fl -{long}"),
        _ => String::new(),
    }
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().filter(|_| takes_value(arg));
    names.map_or(String::new(), |names| format!(" Ar {}", names.join(" ")))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn repeats(arg: &Arg) -> bool {
    matches!(arg.get_action(), clap::ArgAction::Append)
}

/// `--help` and `--version`.
fn tells_only(arg: &Arg) -> bool {
    ["help", "version"].contains(&arg.get_id().as_str())
}

/// Text of a page, a sentence a line as mdoc wants it and no line longer than 80 bytes.
fn text(text: &str) -> String {
    let text = text.replace('\\', r"\e").replace('-', r"\-");
    let mut lines = Vec::new();
    for sentence in text.replace(". ", ".\n").lines() {
        let mut line = String::new();
        for word in sentence.split(' ') {
            if !line.is_empty() && line.len() + word.len() >= 80 {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines.push(line);
    }
    // What begins with a dot would be one of mdoc's own lines.
    let plain = |line: &String| !line.starts_with(['.', '\'']);
    assert!(lines.iter().all(plain), "{lines:?}");
    lines.join("\n")
}
