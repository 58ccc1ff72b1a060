# The ERFNet that papers and courses compare with: the original network with
# its 20th output for void, RGB in [0, 1], images squeezed to 512x1024.
_base_ = './erfnet_fcn_1xb4-160k_cityscapes-512x1024.py'

model = dict(
    data_preprocessor=dict(mean=[0., 0., 0.], std=[255., 255., 255.]),
    decode_head=dict(
        _delete_=True,
        type='ERFNetDeconvHead',
        num_classes=_base_.num_classes,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    test_cfg=dict(
        _delete_=True,
        mode='whole',
        scorer=['softmax_msp', 'max_logit', 'entropy', 'energy', 'void']))

resize = dict(
    type='Resize',
    scale=_base_.crop_size[::-1],  # (w, h)
    keep_ratio=False,
    backend='pillow')  # antialiased, as the original resizes
test_pipeline = [
    _base_.load,
    resize,
    # after the resize: results are compared in the original resolution
    _base_.load_label,
    dict(type='PackSegInputs')
]
tta_pipeline = [
    _base_.load,
    dict(
        type='TestTimeAug',
        transforms=[[resize], _base_.tta_flips, [_base_.load_label],
                    [dict(type='PackSegInputs')]])
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
