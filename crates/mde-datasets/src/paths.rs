//! Paths that lists and descriptions name.

use std::borrow::Cow;
use std::path::Path;

use crate::wording::shown;

/// Extensions of images and depth maps.
const IMAGE_EXTENSIONS: [&str; 10] = [
    "png", "jpg", "jpeg", "exr", "npy", "pfm", "pgm", "tif", "tiff", "bmp",
];

/// A listed path with `/` between names, below the data folder.
pub(crate) fn plain(path: &str) -> Cow<'_, str> {
    let is_plain = !path.contains('\\')
        && !path.contains("//")
        && !path.contains("/./")
        && !path.starts_with(['/', '.']);
    if is_plain {
        return Cow::Borrowed(path);
    }
    let names = path
        .split(['/', '\\'])
        .filter(|name| !matches!(*name, "" | "."));
    Cow::Owned(names.collect::<Vec<_>>().join("/"))
}

/// True for a path with `..`.
pub(crate) fn leads_out(path: &str) -> bool {
    path.split(['/', '\\']).any(|name| name == "..")
}

/// Checks that a path of a description stays inside the data folder.
pub(crate) fn check_inside(path: &str) -> Result<&str, String> {
    if path.is_empty() {
        return Err("an empty path".to_owned());
    }
    if leads_out(path) || Path::new(path).is_absolute() {
        return Err(format!("`{}` leads out of the data folder", shown(path)));
    }
    Ok(path)
}

/// True if the name ends like that of an image or a depth map.
pub(crate) fn has_image_extension(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_it = |image: &&str| extension.eq_ignore_ascii_case(image);
    IMAGE_EXTENSIONS.iter().any(is_it)
}

/// True if extensions name one format: in any case, and `jpg` is `jpeg`.
pub(crate) fn same_extension(a: &str, b: &str) -> bool {
    let is_jpeg = |text: &str| {
        ["jpg", "jpeg"]
            .iter()
            .any(|jpeg| text.eq_ignore_ascii_case(jpeg))
    };
    a.eq_ignore_ascii_case(b) || (is_jpeg(a) && is_jpeg(b))
}

/// Searches a listed file, then the same with its extension in lower or upper case: file systems
/// of other systems do not tell these apart.
pub(crate) fn find_in_any_case<T>(listed: &str, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    find(listed).or_else(|| {
        let (stem, extension) = listed.rsplit_once('.')?;
        let cases = [extension.to_lowercase(), extension.to_uppercase()];
        let mut others = cases.into_iter().filter(|case| case != extension);
        others.find_map(|case| find(&format!("{stem}.{case}")))
    })
}
