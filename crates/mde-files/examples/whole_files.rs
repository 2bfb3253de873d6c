//! Files written whole inside a locked folder.

#![allow(clippy::print_stdout)]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join("mde-files-example");
    let _lock = mde_files::FolderLock::try_acquire(&folder)?;

    // The id of an image comes from outside: it must not lead out of the folder.
    let path = mde_files::path_below(&folder, "office/0001.json")?;
    mde_files::write_atomic(&path, b"{}\n")?;
    assert!(mde_files::path_below(&folder, "../elsewhere.json").is_err());

    // Hashed once, then remembered by path, size, time and inode.
    let cache = mde_files::HashCache::open(&folder.join("hashes.json"));
    println!("{}", cache.hash(&path)?);
    cache.save()?;
    Ok(())
}
