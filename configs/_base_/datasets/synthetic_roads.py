# The generated road world, 8 classes, 128x256 scenes seen whole, at 96x192.
# tools/dataset_converters/synthetic_roads.py writes it.
_base_ = './loaders.py'

dataset_type = 'SyntheticRoadsDataset'
data_root = 'data/synthetic_roads'
num_classes = 8
world = dict()  # arguments of WorldSize that are not its defaults
allow_unread = ['world']  # tools/misc/quick_start.py reads it
crop_size = (96, 192)  # (h, w)
train_pipeline = [
    dict(type='SeedSample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadCheckedAnnotations', num_classes=num_classes),
    dict(
        type='RandomResize',
        scale=crop_size[::-1],  # (w, h)
        ratio_range=(0.9, 1.5),  # scenes come at many scales already
        keep_ratio=True,
        backend='pillow'),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeToWindow', window_size=crop_size),
    dict(type='LoadCheckedAnnotations', num_classes=num_classes),
    dict(type='PackSegInputs')
]
tta_pipeline = [
    test_pipeline[0],
    dict(
        type='TestTimeAug',
        transforms=[[test_pipeline[1]], _base_.tta_flips,
                    [test_pipeline[2]], [test_pipeline[3]]])
]
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(
            img_path='images/train', seg_map_path='labels/train'),
        pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        pipeline=test_pipeline))
# the validation scenes again, with strange objects on them
test_dataloader = dict(
    num_workers=1,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_prefix=dict(img_path='images/test', seg_map_path='labels/test'),
        pipeline=test_pipeline))

# for training pipelines: hard borders, as the drawn scenes of the test have
outlier_paste = dict(
    type='OutlierPaste',
    source=dict(
        type='CocoOutliers',
        data_root=data_root,
        ann_file='outliers/instances_train.json',
        data_prefix=dict(img_path='outliers/train'),
        deny_categories=(),
        deny_image_categories=()),
    paste_probability=0.8,  # a short training sees few objects
    max_scale=0.5)
