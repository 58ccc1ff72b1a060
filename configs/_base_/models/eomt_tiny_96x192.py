# An EoMT small enough for two CPU cores, from scratch.
_base_ = './eomt_b_640x640.py'

vit = dict(
    _delete_=True,
    arch=dict(embed_dim=192, depth=6, num_heads=3),
    img_size=(96, 192),  # (h, w)
    patch_size=8,
    num_joint_blocks=2,
    pretrained=None)
model = dict(
    data_preprocessor=dict(size=vit['img_size']),
    vit=vit,
    decode_head=dict(
        num_classes=8,
        num_queries=24,
        criterion=dict(num_points=1024)),
    test_cfg=dict(
        crop_size=vit['img_size'],
        # first what ranks best after so short a training
        scorer=['energy', 'msp', 'softmax_msp', 'max_logit', 'entropy',
                'rba']))
