//! The program's help: its commands in groups, and the name under which it was called.

use clap::{Command, CommandFactory as _, builder::StyledStr};

use super::Cli;

/// The commands as people look for them.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Seal and open", &["encrypt", "decrypt", "create", "exec-env"]),
    ("Change a sealed file", &["edit", "set", "unset", "get"]),
    ("Look and check", &["inspect", "verify", "check", "status"]),
    ("Keys", &["keys"]),
    ("Life of a repository", &["reencrypt", "convert", "migrate", "git"]),
    ("Shell", &["completion"]),
];

/// Width of the column of names.
const COLUMN: usize = 12;

/// What the program is called in a file system when kubectl runs it.
pub(crate) const PLUGIN: &str = "kubectl-kseal";

/// The whole command line. As a plugin of kubectl it speaks of itself as people call it: `kubectl kseal`.
pub(crate) fn command(is_plugin: bool) -> Command {
    let command = Cli::command();
    let template = template(&command);
    let command = command.help_template(template);
    if is_plugin { renamed(command).bin_name("kubectl kseal") } else { command }
}

fn template(command: &Command) -> StyledStr {
    let style = command.get_styles();
    let (header, literal) = (style.get_header(), style.get_literal());
    let line = |member: &Command| {
        let about = member.get_about().map(|about| escaped(&about.to_string())).unwrap_or_default();
        let name = member.get_name();
        let space = " ".repeat(COLUMN.saturating_sub(name.len()));
        format!("  {literal}{name}{literal:#}{space}{about}\n")
    };
    let group = |(group, names): (&str, &[&str])| {
        let members: Vec<String> = names.iter().filter_map(|name| command.find_subcommand(name)).map(line).collect();
        if members.is_empty() { String::new() } else { format!("{header}{group}:{header:#}\n{}\n", members.concat()) }
    };
    let groups: Vec<String> = GROUPS.into_iter().map(group).collect();
    StyledStr::from(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}{header}Options:{header:#}\n{{options}}{{after-help}}",
        groups.concat()
    ))
}

/// Braces are clap's in a template.
fn escaped(text: &str) -> String {
    text.replace(['{', '}'], "")
}

/// The same texts with `kubectl kseal` where they tell what to type.
fn renamed(mut command: Command) -> Command {
    if let Some(text) = command.get_about().map(say) {
        command = command.about(text);
    }
    if let Some(text) = command.get_long_about().map(say) {
        command = command.long_about(text);
    }
    if let Some(text) = command.get_after_help().map(say) {
        command = command.after_help(text);
    }
    command.mut_subcommands(renamed)
}

fn say(text: &StyledStr) -> String {
    let before = ["  ", "`", "| "];
    before.iter().fold(text.to_string(), |text, before| {
        text.replace(&format!("{before}kseal "), &format!("{before}kubectl kseal "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds() {
        command(false).debug_assert();
        command(true).debug_assert();
    }

    #[test]
    fn every_command_stands_in_one_group() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let groups = GROUPS.iter().filter(|(_, names)| names.contains(&command.get_name()));
            assert_eq!(groups.count(), 1, "{}", command.get_name());
            assert!(command.get_name().len() < COLUMN, "{}", command.get_name());
        }
    }

    #[test]
    fn a_plugin_of_kubectl_calls_itself_so() {
        let mut command = command(true);
        let encrypt = command.find_subcommand_mut("encrypt").unwrap().render_long_help().to_string();
        assert!(encrypt.contains("  kubectl kseal encrypt secret.yaml"), "{encrypt}");
        assert!(command.render_help().to_string().contains("Usage: kubectl kseal"));
    }
}
