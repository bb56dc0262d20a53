//! The folder of the runner's scripts, and `weft runner`.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use weft_daemons::contract::peer::{PeerAction, SCRIPT_BYTES_MAX, SCRIPTS_MAX};
use weft_daemons::contract::{PeerEvent, RequestHead};
use weft_daemons::runner::PATH;
use weft_http::Patience;

/// `weft runner`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the scripts of runners: period, last run, its duration, next run, state.
    #[command(after_help = "Examples:\n  weft runner list\n  weft runner list --url \
                            http://10.0.0.7:8080 --url http://10.0.0.8:8080\n\nA scheduler tells which \
                            window it asked for last and which comes next, a worker how its runs went.")]
    List {
        /// A process with a runner; may be given several times.
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        url: Vec<String>,
    },
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<(), String> {
    let Command::List { url: urls } = command;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    for url in urls {
        if urls.len() > 1 {
            println!("{url}");
        }
        print!("{}", table(&runtime.block_on(listed(url))?));
    }
    Ok(())
}

/// What the runner at a URL tells of its scripts.
async fn listed(url: &str) -> Result<String, String> {
    let uri: hyper::Uri = url.parse().map_err(|_| format!("{url}: not a URL"))?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("http"));
    let host = host.ok_or_else(|| format!("{url}: http://HOST[:PORT] is expected"))?;
    let address = format!("{host}:{}", uri.port_u16().unwrap_or(80));
    let path = format!("{}{PATH}", uri.path().trim_end_matches('/'));
    let head = RequestHead { method: "GET".to_owned(), path, ..RequestHead::default() };
    let failed = |error: weft_http::ClientError| error.to_string();
    let client = weft_http::Client::new(PATIENCE);
    let mut response = client.call(&address, &head, Bytes::new()).await.map_err(failed)?;
    let mut body = Vec::new();
    while let Some(piece) = response.piece().await.map_err(failed)? {
        if body.len() + piece.len() > LIST_BYTES_MAX {
            return Err(format!("{url}: its answer is longer than {LIST_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&piece);
    }
    match response.status {
        200 => Ok(String::from_utf8_lossy(&body).into_owned()),
        404 => Err(format!("{url}: there is no runner")),
        status => Err(format!("{url}: status {status}")),
    }
}

/// Lines of parts that tabs separate, as columns; moments are told in UTC.
fn table(text: &str) -> String {
    let mut rows =
        vec![["script", "period", "last run", "took", "next run", "state"].map(str::to_owned)];
    for line in text.lines().skip(1) {
        let parts: Vec<&str> = line.splitn(6, '\t').collect();
        let [path, period, last, took, next, state] = parts[..] else { continue };
        let span = |ms: &str| if ms == "-" { ms.to_owned() } else { format!("{ms} ms") };
        let (last, next) = (moment(last), moment(next));
        rows.push([path.to_owned(), span(period), last, span(took), next, state.to_owned()]);
    }
    let mut widths = [0; 6];
    for row in &rows {
        for (width, part) in widths.iter_mut().zip(row) {
            *width = (*width).max(part.chars().count());
        }
    }
    let line = |row: &[String; 6]| {
        let parts: Vec<String> =
            row.iter().zip(widths).map(|(part, width)| format!("{part:width$}")).collect();
        format!("{}\n", parts.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// Milliseconds since the epoch as a moment in UTC: `2026-11-27T08:24:48Z`.
fn moment(text: &str) -> String {
    let Ok(ms) = text.parse::<i64>() else { return text.to_owned() };
    let (days, second) = (ms.div_euclid(86_400_000), ms.div_euclid(1_000).rem_euclid(86_400));
    // Days since the first of March of the year 0, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// How long a runner may take to tell.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(30),
    body: Duration::from_secs(30),
};

/// Bytes of a list.
const LIST_BYTES_MAX: usize = 64 << 20;

/// What the files of scripts end in.
const SUFFIX: &str = ".mc2";

/// A folder of scripts. Links are followed, those that lead back are not.
#[derive(Debug)]
pub(crate) struct ScriptFolder {
    root: PathBuf,
}

impl ScriptFolder {
    /// The folder of `runner.root`, which need not be there yet.
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Answers a question of the runner; `None` when it is none. Blocks.
    pub(crate) fn answer(&self, action: &PeerAction) -> Option<PeerEvent> {
        match action {
            PeerAction::Scan { id } => Some(PeerEvent::Scanned { id: *id, result: self.list() }),
            PeerAction::Read { id, path } => {
                Some(PeerEvent::Read { id: *id, result: self.read(path) })
            }
            _ => None,
        }
    }

    fn list(&self) -> Result<Vec<Arc<str>>, String> {
        let mut found = Vec::new();
        walk(&self.root, "", &mut Vec::new(), &mut found)?;
        found.sort();
        Ok(found)
    }

    fn read(&self, path: &str) -> Result<Bytes, String> {
        let path = self.root.join(path);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = std::fs::File::open(&path).map_err(failed)?;
        let mut text = Vec::new();
        let limit = SCRIPT_BYTES_MAX as u64;
        file.take(limit + 1).read_to_end(&mut text).map_err(failed)?;
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(format!("{}: longer than {SCRIPT_BYTES_MAX} bytes", path.display()));
        }
        Ok(text.into())
    }
}

/// Adds the scripts of a folder and those below it. `above` are the folders that lead here.
fn walk(
    folder: &Path,
    name: &str,
    above: &mut Vec<(u64, u64)>,
    found: &mut Vec<Arc<str>>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let metadata = std::fs::metadata(folder).map_err(failed)?;
    let own = (metadata.dev(), metadata.ino());
    if above.contains(&own) {
        return Ok(());
    }
    above.push(own);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // What is no UTF-8 has no name in WarpScript.
        let Ok(own_name) = entry.file_name().into_string() else { continue };
        let name = if name.is_empty() { own_name } else { format!("{name}/{own_name}") };
        // A link to nowhere is passed over.
        let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), &name, above, found)?;
        } else if name.ends_with(SUFFIX) {
            if found.len() == SCRIPTS_MAX {
                return Err(format!("{}: more than {SCRIPTS_MAX} scripts", folder.display()));
            }
            found.push(name.into());
        }
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_and_times() {
        assert_eq!(moment("0"), "1970-01-01T00:00:00Z");
        assert_eq!(moment("951782400000"), "2000-02-29T00:00:00Z");
        assert_eq!(moment("1709251199999"), "2024-02-29T23:59:59Z");
        assert_eq!(moment("-1"), "1969-12-31T23:59:59Z");
        assert_eq!(moment("-"), "-");
    }

    #[test]
    fn lists_are_columns() {
        let text = "path\tperiod_ms\tlast_ms\tduration_ms\tnext_ms\tstate\n\
                    a/1000/long.mc2\t1000\t0\t7\t1000\tdone\na/5/b.mc2\t5\t-\t-\t5\tqueued\n";
        let lines = [
            "script           period   last run              took  next run              state\n",
            "a/1000/long.mc2  1000 ms  1970-01-01T00:00:00Z  7 ms  1970-01-01T00:00:01Z  done\n",
            "a/5/b.mc2        5 ms     -                     -     1970-01-01T00:00:00Z  queued\n",
        ];
        assert_eq!(table(text), lines.concat());
    }

    #[test]
    fn scripts_are_found_through_links() {
        let root = tempfile::TempDir::new().expect("a folder");
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("a/1000/deep")).expect("folders");
        std::fs::write(at("a/1000/x.mc2"), "1").expect("a file");
        std::fs::write(at("a/1000/deep/y.mc2"), "2").expect("a file");
        std::fs::write(at("a/1000/notes.txt"), "").expect("a file");
        std::os::unix::fs::symlink(root.path(), at("a/1000/back")).expect("a link");
        std::os::unix::fs::symlink(at("a/1000/x.mc2"), at("a/1000/z.mc2")).expect("a link");
        std::os::unix::fs::symlink(at("nowhere"), at("a/1000/n.mc2")).expect("a link");
        let folder = ScriptFolder::new(root.path().to_owned());
        let found = folder.list().expect("a list");
        let found: Vec<&str> = found.iter().map(|path| &**path).collect();
        assert_eq!(found, ["a/1000/deep/y.mc2", "a/1000/x.mc2", "a/1000/z.mc2"]);
        assert_eq!(folder.read("a/1000/z.mc2").expect("a text"), "1");
        assert!(folder.read("a/1000/n.mc2").is_err());
        assert!(ScriptFolder::new(at("nowhere")).list().is_err());
    }
}
