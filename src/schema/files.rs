//! The files that schemas refer to: read from disk, within bounds, and never from the network.

use std::{
    error::Error,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jsonschema::{Draft, Retrieve, Uri};
use serde_json::Value;
use url::Url;

use super::{compile, message::parse_message};

/// Of one file.
const MAX_BYTES: u64 = 1024 * 1024;

/// Of one schema, besides its own file.
const MAX_FILES: usize = 64;

/// The files of one schema. Clones share what was read.
#[derive(Clone)]
pub(super) struct Files {
    draft: Draft,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Which file lies where an `$id` says to be.
    places: Vec<(Url, PathBuf)>,
    documents: Vec<Document>,
}

/// A file that was read.
#[derive(Clone)]
pub(super) struct Document {
    /// What it was asked for by.
    pub(super) url: Url,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) contents: Value,
}

impl Files {
    /// For the schema `root`; a file without `$schema` is of the dialect `draft`.
    pub(super) fn new(root: &Document, draft: Draft) -> Self {
        let mut known = Known::default();
        known.place(root, draft);
        Self {
            draft,
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// What was read so far.
    pub(super) fn documents(&self) -> Vec<Document> {
        self.known().documents.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Retrieve for Files {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let url = Url::parse(uri.as_str()).map_err(|error| error.to_string())?;
        let mut known = self.known();
        let path = known.find(&url)?;
        if known.documents.len() >= MAX_FILES {
            return Err(format!(
                "more than {MAX_FILES} files are referred to; put some of them into one"
            )
            .into());
        }
        let contents = read(&path)?;
        let draft = compile::dialect(&contents, self.draft)
            .and_then(|draft| compile::check_against_metaschema(&contents, draft).map(|()| draft))
            .map_err(|error| format!("the file {}: {error}", path.display()))?;
        let document = Document {
            url,
            path,
            contents,
        };
        known.place(&document, draft);
        known.documents.push(document.clone());
        Ok(document.contents)
    }
}

impl Known {
    /// Notes where `document` lies, by the URL that it was asked for and by its `$id`.
    fn place(&mut self, document: &Document, draft: Draft) {
        // The first place of all is that of the schema's own file, by which a `file:` URL stands for
        // the very file that it names.
        self.places
            .push((document.url.clone(), document.path.clone()));
        let id = document
            .contents
            .get(draft.id_keyword())
            .and_then(Value::as_str);
        if let Some(id) = id.and_then(|id| document.url.join(id).ok()) {
            self.places.push((id, document.path.clone()));
        }
    }

    /// The file that `url` stands for.
    ///
    /// Schemas often name themselves by the `$id` `https://example.com/offer.json`, lie beside each
    /// other all the same, and refer to each other by name alone. So whatever has the same way from
    /// an `$id` as from the file with that `$id` is taken to be that file, also where the URL
    /// leaves out its `.json`.
    fn find(&self, url: &Url) -> Result<PathBuf, String> {
        let mut missing = None;
        for (id, path) in &self.places {
            let Some(path) = beside(id, path, url) else {
                continue;
            };
            let with_ending = PathBuf::from(format!("{}.json", path.display()));
            if let Some(found) = [&path, &with_ending]
                .into_iter()
                .find(|path| path.is_file())
            {
                return Ok(found.clone());
            }
            missing.get_or_insert(path);
        }
        Err(match missing {
            Some(path) => format!(
                "there is no file {}; put it there, or mend the reference",
                path.display()
            ),
            None => "a schema is never fetched; put the file beside this one and refer to it \
                     relatively, as \"other.json\""
                .to_owned(),
        })
    }
}

fn beside(id: &Url, path: &Path, url: &Url) -> Option<PathBuf> {
    let way = id.make_relative(url)?;
    Url::from_file_path(path)
        .ok()?
        .join(&way)
        .ok()?
        .to_file_path()
        .ok()
}

fn read(path: &Path) -> Result<Value, String> {
    let failed = |what: &str| format!("the file {} {what}", path.display());
    let file = File::open(path).map_err(|error| failed(&format!("cannot be read: {error}")))?;
    let mut text = String::new();
    // One byte more than allowed tells a file that is too large from one that just fits.
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| failed(&format!("cannot be read: {error}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(failed("is larger than 1 MiB; split it"));
    }
    parse_message(&text).map_err(|error| failed(&format!("cannot be used. {error}")))
}
