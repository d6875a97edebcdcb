//! `kseal man`: the manual, one page a command, the same for the same program.

use clap::Command;
use clap_mangen::Man;

use super::DONE;
use crate::{
    args::{self, ManArgs},
    error::{Error, Result},
    files::{self, Privacy},
    output::Output,
};

pub(crate) fn run(args: ManArgs, output: &Output) -> Result<u8> {
    let mut command = args::command(false).disable_help_subcommand(true);
    command.build();
    let Some(folder) = args.dir else {
        output.data(&page(command)?.1)?;
        return Ok(DONE);
    };
    files::make_folder(&folder)?;
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    for (name, page) in &pages {
        files::write(&folder.join(name), page, Privacy::Public, None)?;
    }
    output.note(format!("wrote {} pages to {}", pages.len(), folder.display()));
    Ok(DONE)
}

fn collect(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    pages.push(page(command.clone())?);
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|it| collect(it, pages))
}

/// File name and text of one page.
fn page(command: Command) -> Result<(String, Vec<u8>)> {
    let man = Man::new(command).source(concat!("kseal ", env!("CARGO_PKG_VERSION"))).manual("kseal");
    let mut text = Vec::new();
    man.render(&mut text).map_err(|error| Error::file("cannot render the manual").because(&error))?;
    Ok((man.get_filename(), text))
}
