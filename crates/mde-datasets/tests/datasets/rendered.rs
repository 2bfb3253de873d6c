//! Rendered rooms and streets are read like the data sets of the same layout. Depth-only batches.

use std::sync::Arc;

use mde_datasets::{
    BtsGeometry, DataSpec, Loader, LoaderConfig, MeterInput, MffGeometry, Preprocessing, Split,
};
use mde_scenes::{RenderConfig, render_street, write_rooms, write_streets};

fn config(width: u32, height: u32) -> RenderConfig {
    RenderConfig {
        seed: 5,
        train: 2,
        test: 1,
        width,
        height,
    }
}

#[test]
fn streets_at_half_of_kittis_size_are_read_and_fit_the_scaled_down_recipe() {
    let dir = tempfile::tempdir().unwrap();
    write_streets(dir.path(), &config(621, 188), &|_| ()).unwrap();
    let spec: DataSpec = format!("streets:{}", dir.path().display()).parse().unwrap();
    let list = Arc::new(spec.open(Split::Train, None).unwrap());
    assert_eq!((list.len(), list.without_depth()), (2, 0));
    assert_eq!(list.id(1), "train/image_02/data/0000000001");
    let sample = list.load(0).unwrap();
    let frame = render_street(5, 0, 621, 188);
    assert_eq!(sample.rgb, frame.rgb);
    for (metres, stored) in sample.depth.metres.iter().zip(frame.depth.pixels()) {
        assert_eq!(*metres, f32::from(stored[0]) / 256.0);
    }
    let recipe = Preprocessing::Bts(BtsGeometry::kitti_quarter().for_frames((188, 621)));
    list.check(recipe.training().as_ref()).unwrap();
    let options = LoaderConfig {
        batch_size: 2,
        seed: 0,
        workers: 1,
        prefetch: 0,
        shuffle: false,
        drop_last: false,
    };
    let loader = Loader::new(list, recipe.training(), options).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap().unwrap();
    assert_eq!((batch.image_size, batch.depth_size), ((88, 176), (88, 176)));
    for focal in batch.focals.unwrap() {
        assert!((focal - 721.5377).abs() < 1e-3, "{focal}");
    }
    let measured = batch.depths.iter().filter(|&&d| d > 0.0).count();
    assert!(
        measured > batch.depths.len() / 4,
        "{measured} of {}",
        batch.depths.len()
    );
}

#[test]
fn rooms_are_read_as_nyu_is() {
    let dir = tempfile::tempdir().unwrap();
    write_rooms(dir.path(), &config(80, 60), &|_| ()).unwrap();
    let spec: DataSpec = format!("rooms:{}", dir.path().display()).parse().unwrap();
    let list = spec.open(Split::Test, None).unwrap();
    let transform = Preprocessing::Mff(MffGeometry::quarter()).evaluation();
    let rng = &mut mde_datasets::sample_rng(0, 0, 0);
    let example = transform.apply(list.load(0).unwrap(), rng).unwrap();
    assert_eq!((example.image_size, example.focal), ((57, 76), None));
}

#[test]
fn depth_only_batches_have_the_depths_of_full_ones_and_read_no_colour_image() {
    let dir = tempfile::tempdir().unwrap();
    let (rooms, streets) = (dir.path().join("rooms"), dir.path().join("streets"));
    write_rooms(&rooms, &config(80, 60), &|_| ()).unwrap();
    write_streets(&streets, &config(621, 188), &|_| ()).unwrap();
    let street_sizes = BtsGeometry::kitti_quarter().for_frames((188, 621));
    let recipes = [
        (&rooms, "rooms", Preprocessing::Mff(MffGeometry::quarter())),
        (
            &rooms,
            "rooms",
            Preprocessing::Bts(BtsGeometry::nyu_quarter()),
        ),
        (&rooms, "rooms", Preprocessing::Meter(MeterInput::nyu())),
        (&streets, "streets", Preprocessing::Bts(street_sizes)),
        (
            &streets,
            "streets",
            Preprocessing::Meter(MeterInput::kitti()),
        ),
    ];
    let options = LoaderConfig {
        batch_size: 2,
        seed: 3,
        workers: 2,
        prefetch: 1,
        shuffle: true,
        drop_last: false,
    };
    let mut loaders = Vec::new();
    for (root, kind, recipe) in recipes {
        let spec: DataSpec = format!("{kind}:{}", root.display()).parse().unwrap();
        let list = Arc::new(spec.open(Split::Train, None).unwrap());
        for transform in [recipe.training(), recipe.evaluation(), recipe.dissection()] {
            let loader = Loader::new(Arc::clone(&list), transform, options).unwrap();
            let full = loader.epoch(1, 0).next().unwrap().unwrap();
            let depth_only = loader.depth_only();
            let batch = depth_only.epoch(1, 0).next().unwrap().unwrap();
            assert_eq!(batch.ids, full.ids);
            assert_eq!(batch.depth_size, full.depth_size);
            assert!(batch.depths == full.depths, "{recipe:?}");
            assert!(batch.images.is_empty() && batch.rgb.is_empty() && batch.focals.is_none());
            for index in 0..list.len() {
                let id = list.id(index);
                let extension = if kind == "rooms" { "jpg" } else { "png" };
                let file = root.join(format!("{id}.{extension}"));
                assert!(file.exists());
                loaders.push((depth_only.clone(), file));
            }
        }
    }
    for (_, file) in &loaders {
        std::fs::write(file, "not an image").unwrap();
    }
    for (loader, _) in &loaders {
        loader.epoch(1, 0).next().unwrap().unwrap();
    }
}
