# Objects of COCO that no road scene knows, pasted in training, and the loss on
# their pixels: the recipe that was best on CamVid, see docs/results.md.
# Cut out before by tools/dataset_converters/coco_outliers.py, objects load
# faster; see docs/outlier_exposure.md, also for other places and blending.
outlier_paste = dict(
    type='OutlierPaste',
    source=dict(
        type='CocoOutliers',
        data_root='data/coco',
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img_path='train2017')),
    paste_probability=0.5,
    min_objects=1,
    max_objects=3,
    min_scale=0.1,  # longer side of an object / shorter side of the image
    max_scale=0.3,
    blending=dict(type='OutlierBlending', mode='feather', color_match=0.5))
# bounds made for EoMT: other heads, and frozen ones, paste only
outlier_losses = [dict(type='RbALoss')]
