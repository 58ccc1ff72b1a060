# PixelAnomalyHead on a frozen EoMT-B; the EoMT comes by `load_from`.
_base_ = './eomt_b_640x640.py'

model = dict(
    vit=dict(pretrained=None),
    backbone=dict(frozen=True),
    decode_head=dict(
        _delete_=True,
        type='PixelAnomalyHead',
        semantic_head=_base_.model.decode_head,
        hidden_dim=256,
        dropout=0.3,
        pos_weight=10.0),
    test_cfg=dict(
        scorer=['pixel_head', 'rba', 'msp', 'softmax_msp', 'max_logit',
                'entropy', 'energy']))
# test with --cfg-options custom_hooks.0.head=FILE to add a head kept alone
custom_hooks = [dict(type='AttachHeadHook', head=None)]
