//! Files of other programs, and advice that is run as printed.

use std::path::Path;

use image::{GrayImage, Luma, RgbImage};
use mde_arrays::Map;

use crate::place::Place;

fn constant(size: (usize, usize), value: f32) -> Vec<u8> {
    let map = Map {
        height: size.0,
        width: size.1,
        values: vec![value; size.0 * size.1],
    };
    map.to_npy()
}

/// Runs the line of Python that a refusal prints.
fn follow(place: &Place, program: &Path, line: &str) {
    place.refuses(line, &["in Python: `"]);
    let message = place.mde(line).stderr;
    let line = message.split("in Python: `").nth(1).unwrap();
    place.python(program, line.split('`').next().unwrap());
}

const KITCHENS: [&str; 2] = ["kitchen_1", "kitchen_2"];

fn save_picture(place: &Place, name: &str) {
    let picture = RgbImage::from_pixel(66, 6, image::Rgb([180, 20, 70]));
    picture.save(place.path(name)).unwrap();
}

/// The depth has a suffix, and the file with the image's name is a picture of it.
#[test]
fn depth_anything_v2_5_pictures_beside_raw_depth() {
    let place = Place::empty();
    for name in KITCHENS {
        place.write(&format!("gt/{name}.npy"), constant((6, 8), 2.0));
        let depth = format!("vis_depth/{name}_raw_depth_meter.npy");
        place.write(&depth, constant((6, 8), 2.0));
        save_picture(&place, &format!("vis_depth/{name}.png"));
    }
    let line = "evaluate --pred vis_depth --gt gt --protocol nyu-full";
    let (document, remarks) = place.json_and_remarks(line);
    assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0);
    assert_eq!(document["summary"]["images"], 2);
    let pictures = "2 colour pictures left out, depth is read from the other files: kitchen_1.png";
    assert!(remarks.contains(pictures), "{remarks}");
    let said = place.mde(line).stderr;
    assert!(
        said.contains("without `_raw_depth_meter` after it"),
        "{said}"
    );
    assert!(
        said.contains("kitchen_1_raw_depth_meter is kitchen_1"),
        "{said}"
    );
    // Pictures alone are refused, and always the first one.
    for name in KITCHENS {
        save_picture(&place, &format!("gt/{name}.png"));
        std::fs::create_dir_all(place.path("pictures")).unwrap();
        save_picture(&place, &format!("pictures/{name}.png"));
        std::fs::remove_file(place.path(&format!("gt/{name}.png"))).unwrap();
    }
    let line = "evaluate --pred pictures --gt gt --protocol nyu-full";
    for _ in 0..5 {
        place.refuses(
            line,
            &["kitchen_1.png", "a picture of depth cannot be measured"],
        );
    }
}

#[test]
fn monodepth2_disparities_beside_pictures() {
    let place = Place::empty();
    for name in KITCHENS {
        place.write(&format!("gt/{name}.npy"), constant((6, 8), 2.0));
        place.write(&format!("out/{name}_disp.npy"), constant((6, 8), 0.5));
        save_picture(&place, &format!("out/{name}_disp.jpeg"));
    }
    let given = "evaluate --pred out --gt gt --protocol nyu-full";
    let document = place.json(&format!("{given} --disparity"));
    assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0);
    let said = place.mde(given).stderr;
    assert!(said.contains("names say disparity"), "{said}");
    // Depth beside disparity: nothing says which is meant.
    for name in KITCHENS {
        place.write(&format!("out/{name}_depth.npy"), constant((6, 8), 2.0));
    }
    let parts = [
        "kitchen_1_depth",
        "kitchen_1_disp",
        "move one kind into another folder",
    ];
    place.refuses(given, &parts);
    for name in KITCHENS {
        let (from, to) = (
            format!("out/{name}_disp.npy"),
            format!("disparities/{name}_disp.npy"),
        );
        place.write(&to, place.read(&from));
        std::fs::remove_file(place.path(&from)).unwrap();
    }
    assert_eq!(place.json(given)["summary"]["mean"]["abs_rel"], 0.0);
}

/// Two depth maps of one name are refused, whichever comes first.
#[test]
fn two_files_of_one_name() {
    let place = Place::empty();
    place.write("gt/1.npy", constant((6, 8), 2.0));
    place.write("pred/1.npy", constant((6, 8), 2.0));
    let grey = GrayImage::from_pixel(8, 6, Luma([2]));
    grey.save(place.path("pred/1.png")).unwrap();
    let line = "evaluate --pred pred --gt gt --protocol nyu-full";
    place.refuses(line, &["pred/1.npy", "pred/1.png", "remove one of them"]);
}

/// Several arrays in a file: the option that names one.
#[test]
fn arrays_are_named_by_an_option() {
    let Some(program) = mde_test_kit::python(&["numpy"]) else {
        return;
    };
    let place = Place::empty();
    place.python(
        &program,
        "import numpy as np, os
d = np.full((2, 2, 3), 2, np.float32); os.makedirs('each')
np.savez('both.npz', depth=d, names=np.array(['a', 'b']))
for i in range(2): np.savez(f'each/{i}.npz', depth=d[i], confidence=d[i] / 9)",
    );
    for (given, option) in [("--pred", "--pred-array"), ("--gt", "--gt-array")] {
        for (named, file) in [("both.npz", "each"), ("each", "both.npz")] {
            let other = if given == "--pred" { "--gt" } else { "--pred" };
            let line = format!(
                "evaluate {given} {named} {other} {file} {other}-array depth --protocol nyu-full"
            );
            place.refuses(&line, &["`depth`", &format!("({option} NAME)")]);
            let document = place.json(&format!("{line} {option} depth"));
            assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0, "{line}");
        }
    }
}

/// `gt_depths.npz`: one object array of maps of different sizes.
#[test]
fn monodepth2_481_maps_of_different_sizes_in_an_object_array() {
    let Some(program) = mde_test_kit::python(&["numpy"]) else {
        return;
    };
    let place = Place::empty();
    place.python(
        &program,
        "import numpy as np; gt = np.empty(2, object)
gt[0] = np.full((370, 1224), 20, np.float32); gt[1] = np.full((375, 1242), 20, np.float32)
np.savez_compressed('gt_depths.npz', data=gt)
np.save('disps_eigen_split.npy', np.full((2, 192, 640), 0.05, np.float32))",
    );
    let given = |gt: &str| {
        format!(
            "evaluate --pred disps_eigen_split.npy --gt {gt} --disparity --align median --resize-pred --protocol kitti-garg"
        )
    };
    follow(&place, &program, &given("gt_depths.npz"));
    let document = place.json(&given("gt_depths_maps.npz"));
    assert_eq!(document["summary"]["images"], 2);
    let error = document["summary"]["mean"]["abs_rel"].as_f64().unwrap();
    assert!(error < 1e-6, "{error}");
    // Without alignment: 0.05 stands for 20 m.
    let plain = given("gt_depths_maps.npz").replace("--align median ", "");
    assert!(
        place.json(&plain)["summary"]["mean"]["abs_rel"]
            .as_f64()
            .unwrap()
            < 1e-6
    );
}

/// What else `np.save` writes that is not numbers: each refusal's line makes it readable.
#[test]
fn monodepth2_481_other_contents_of_numpy_files() {
    let Some(program) = mde_test_kit::python(&["numpy"]) else {
        return;
    };
    let place = Place::empty();
    place.write("gt/0.npy", constant((2, 3), 2.0));
    place.write("gt/1.npy", constant((2, 3), 2.0));
    place.python(
        &program,
        "import numpy as np, pickle
d = np.full((2, 2, 3), 2, np.float32)
np.save('dictionary.npy', {'0': d[0], '1': d[1]})
np.save('objects.npy', d.astype(object))
np.save('complex.npy', d * np.complex64(1j))
np.save('bfloat16.npy', (d.view(np.uint32) >> 16).astype(np.uint16).view('V2'))
np.save('fields.npy', np.array(d, [('depth', '<f4')]))
pickle.dump(list(d), open('pickle.npy', 'wb'))",
    );
    for (name, converted) in [
        ("dictionary", "dictionary_maps.npz"),
        ("objects", "objects_float32.npy"),
        ("complex", "complex_float32.npy"),
        ("bfloat16", "bfloat16_float32.npy"),
        ("fields", "fields_float32.npy"),
        ("pickle", "pickle_maps.npz"),
    ] {
        let line = |file: &str| format!("evaluate --pred {file} --gt gt --protocol nyu-full");
        follow(&place, &program, &line(&format!("{name}.npy")));
        let document = place.json(&line(converted));
        assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0, "{name}");
        assert_eq!(document["summary"]["images"], 2, "{name}");
    }
}

/// The function of docs/other-outputs.md on what networks return.
#[test]
fn the_function_of_the_documentation_saves_what_networks_return() {
    let Some(program) = mde_test_kit::python(&["numpy", "torch"]) else {
        return;
    };
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/other-outputs.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let block = docs.split("```python\n").nth(1).unwrap();
    let function = block.split("```").next().unwrap();
    assert!(function.contains("def dump_predictions"), "{function}");
    let place = Place::empty();
    for id in ["a/1", "2"] {
        place.write(&format!("gt/{id}.npy"), constant((2, 3), 2.0));
    }
    let examples = "
class Net(torch.nn.Module):
    def __init__(self, form): super().__init__(); self.form = form
    def forward(self, image):
        assert image.shape == (1, 3, 2, 3) and not self.training
        return self.form(image.mean(1, keepdim=True))
class Output(dict): __getattr__ = dict.__getitem__
forms = dict(
    plain=lambda d: d,
    hugging=lambda d: Output(predicted_depth=d[:, 0], hidden_states=None),
    tuple=lambda d: (d[:, 0], (d,)),
    features=lambda d: (d, d.expand(1, 8, 2, 3)),
    half=lambda d: d.half(),
    last=lambda d: (d * 8, d * 4, d),
    disparity=lambda d: {('disp', 0): d},
)
samples = [('a/1', torch.full((3, 2, 3), 2.0)), ('2', torch.full((3, 2, 3), 2.0))]
picks = dict(last=dict(pick=lambda out: out[-1]), disparity=dict(pick=lambda out: out['disp', 0]))
for name, form in forms.items():
    dump_predictions(Net(form), samples, name, **picks.get(name, {}))
try: dump_predictions(Net(forms['last']), samples, 'several')
except AssertionError as error: assert 'choose the depth with pick' in str(error)
else: raise SystemExit('one of several maps was taken')
";
    place.python(&program, &format!("{function}{examples}"));
    for folder in [
        "plain",
        "hugging",
        "tuple",
        "features",
        "half",
        "last",
        "disparity",
    ] {
        let line = format!("evaluate --pred {folder} --gt gt --protocol nyu-full");
        let document = place.json(&line);
        assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0, "{folder}");
        assert_eq!(document["summary"]["images"], 2, "{folder}");
    }
}

/// A stack whose maps lie along the last axis, as MATLAB and `np.dstack` write it.
#[test]
fn maps_along_the_last_axis() {
    let Some(program) = mde_test_kit::python(&["numpy"]) else {
        return;
    };
    let place = Place::empty();
    let script = "import numpy as np; x = 1 + np.arange(5 * 12 * 16, dtype=np.float32).reshape(5, 12, 16) / 200; \
                  np.save('gt.npy', x); np.save('last.npy', x.transpose(1, 2, 0)); \
                  np.savez_compressed('last.npz', depth=x.transpose(1, 2, 0)); np.save('rgb.npy', x[:, None].repeat(3, 1))";
    place.python(&program, script);
    for file in ["last.npy", "last.npz"] {
        let line = format!("evaluate --gt gt.npy --protocol nyu-full --pred {file}");
        place.refuses(&line, &["[12, 16, 5] looks like [H, W, N]"]);
        follow(&place, &program, &line);
        let line = "evaluate --gt gt.npy --protocol nyu-full --pred last_maps.npy";
        assert_eq!(place.json(line)["summary"]["mean"]["abs_rel"], 0.0);
        std::fs::remove_file(place.path("last_maps.npy")).unwrap();
    }
    // One array cannot be named.
    let line = "evaluate --gt gt.npy --protocol nyu-full --pred rgb.npy";
    place.refuses(
        line,
        &["holds an array [5, 3, 12, 16]", "save one map per image"],
    );
    assert!(!place.mde(line).stderr.contains("--pred-array"));
}
