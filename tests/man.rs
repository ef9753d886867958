//! The man page says what the command line says.
#![allow(clippy::expect_used, reason = "a test that panics has failed")]

use std::io::Write;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use intercessor::cli::Arguments;

/// When the command line was last changed.
const DATE: &str = "2026-11-24";

type Section = fn(&Man, &mut dyn Write) -> std::io::Result<()>;

/// The page of the program, with a section for each command.
fn page() -> String {
    let mut command = Arguments::command();
    command.build();
    let program = man(&command);
    let mut page = section(&program, Man::render_title);
    page += &section(&program, Man::render_name_section);
    page += &section(&program, Man::render_synopsis_section);
    page += &section(&program, Man::render_options_section);
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let about = sub.get_about().expect("says what it is for");
        page += &format!(".SH {}\n{about}.\n", sub.get_name().to_uppercase());
        // What is a section of a page of its own is a subsection here.
        let options = section(&man(sub), Man::render_synopsis_section)
            + &section(&man(sub), Man::render_options_section);
        page += &options.replace(".SH ", ".SS ");
    }
    let more = command.get_after_help().expect("tells more").to_string();
    for paragraph in more.split("\n\n") {
        let (title, text) = paragraph.split_once(": ").expect("has a title");
        page += &format!(".SH \"{}\"\n{}\n", title.to_uppercase(), text.trim_end());
    }
    page
}

fn man(command: &Command) -> Man {
    Man::new(command.clone())
        .title(command.get_name().to_uppercase())
        .date(DATE)
}

/// The text of one section, without the preamble that each would have of its own.
fn section(man: &Man, render: Section) -> String {
    let mut text = Vec::new();
    render(man, &mut text).expect("a section");
    let text = String::from_utf8(text).expect("UTF-8");
    let preamble = |line: &&str| !line.starts_with(".ie ") && !line.starts_with(".el ");
    text.lines()
        .filter(preamble)
        .map(|line| format!("{}\n", line.trim_end().replace(r"\*(Aq", r"\(aq")))
        .collect()
}

#[test]
fn the_man_page_is_made_from_the_command_line() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/man/intercessor.1");
    let page = page();
    if std::env::var_os("UPDATE_MAN").is_some() {
        std::fs::write(file, &page).expect("written");
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == page,
        "man/intercessor.1 is not what the command line says; make it anew with UPDATE_MAN=1 cargo test --test man"
    );
}
