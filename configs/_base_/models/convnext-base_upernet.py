# ConvNeXt-B of mmpretrain with UPerNet, as MMSeg configures the pair; 19
# classes, windows of its training crops.
norm_cfg = dict(type='BN', requires_grad=True)
# pixels of pasted objects are void here and must not dilute the mean
loss_decode = dict(type='CrossEntropyLoss', avg_non_ignore=True)
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=(512, 1024))  # (h, w)
model = dict(
    type='SlideInferenceWithStitch',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='mmpretrain.ConvNeXt',
        arch='base',
        out_indices=[0, 1, 2, 3],
        drop_path_rate=0.4,
        layer_scale_init_value=1.0,
        gap_before_final_norm=False,
        # ImageNet-21k; or the path of such a file
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/'
            'convnext/convnext-base_3rdparty_in21k_20220124-13b83eec.pth',
            prefix='backbone.')),
    decode_head=dict(
        type='UPerHead',
        in_channels=[128, 256, 512, 1024],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=loss_decode),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=512,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(loss_decode, loss_weight=0.4)),
    train_cfg=dict(),
    test_cfg=dict(
        mode='slide',
        crop_size=(512, 1024),
        window_weight='uniform',
        scorer=['max_logit', 'softmax_msp', 'entropy', 'energy']))
