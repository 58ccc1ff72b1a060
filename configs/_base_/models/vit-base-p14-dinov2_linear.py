# DINOv2-B of mmpretrain with one linear layer on its patches, 19 classes,
# windows of its training crops.
window_hw = (518, 1036)  # 37 x 74 patches of 14 x 14
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=window_hw)
model = dict(
    type='SlideInferenceWithStitch',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='base',
        img_size=518,  # of the positions in the file; interpolated to others
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_type='featmap',
        # or the path of such a file
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpretrain/v1.0/'
            'dinov2/vit-base-p14_dinov2-pre_3rdparty_20230426-ba246503.pth',
            prefix='backbone.')),
    decode_head=dict(
        type='FCNHead',
        in_channels=768,
        channels=768,
        in_index=0,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        align_corners=False,
        # pixels of pasted objects are void here and must not dilute the mean
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(
        mode='slide',
        crop_size=window_hw,
        window_weight='uniform',
        scorer=['max_logit', 'softmax_msp', 'entropy', 'energy']))
