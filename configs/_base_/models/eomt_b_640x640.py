# EoMT-B: DINOv2-B with registers, 640x640 windows, 19 classes.
vit = dict(
    arch='vit_base_patch14_reg4_dinov2',
    img_size=(640, 640),  # (h, w)
    patch_size=16,
    num_joint_blocks=3,
    pretrained=True)  # timm downloads it; or the path of a DINOv2 file
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=vit['img_size'])
model = dict(
    type='SlideInferenceWithStitch',
    data_preprocessor=data_preprocessor,
    vit=vit,
    backbone=dict(type='EoMTViT'),
    decode_head=dict(type='EoMTDecodeHead', num_classes=19, num_queries=100),
    train_cfg=dict(),
    test_cfg=dict(
        mode='slide',
        crop_size=vit['img_size'],
        scorer=['rba', 'msp', 'softmax_msp', 'max_logit', 'entropy',
                'energy']))
