"""The C declarations: opaque types, callback types, and the signature of every public function."""
import operator
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

VERSION = (0, 1, 0)


class pa_status(c_int32):
    """The result of a call: negative ones are raised."""


class _Unsigned:
    """Takes whole numbers of any type, and refuses what ctypes would wrap around."""

    @classmethod
    def from_param(cls, value):
        value = operator.index(value)
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{value} is not within 0 and 2^64 - 1")
        return cls(value)


class size_t(_Unsigned, c_size_t):
    """A size as an argument."""


class uint64_t(_Unsigned, c_uint64):
    """A 64-bit number as an argument."""


class Elements(c_void_p):
    """A pointer to elements: takes a NumPy array, which the caller has checked, byref() of one element, or None."""

    @classmethod
    def from_param(cls, value):
        return super().from_param(value.ctypes.data if hasattr(value, "__array_interface__") else value)


class Opaque(c_void_p):
    """A pointer to an opaque type: takes handles of that type, or None."""

    @classmethod
    def from_param(cls, value):
        pointer = getattr(value, "_as_parameter_", value)
        if pointer is not None and not isinstance(pointer, cls):
            raise TypeError(f"{type(pointer).__name__} given, must be {cls.__name__}")
        return pointer


def _elements(element):
    return type(f"{element.__name__}s", (Elements,), {"element": element})


def _opaque(noun):
    return type(f"pa_{noun}", (Opaque,), {})


doubles, floats, int32s, int64s, sizes = map(_elements, (c_double, c_float, c_int32, c_int64, c_size_t))
(pa_allocator, pa_array, pa_sparse_array, pa_model_file, pa_graph, pa_halo, pa_states, pa_network, pa_policy, pa_uwmmse,
 pa_regnn, pa_mlp, pa_igcnet, pa_pool, pa_trainer) = map(_opaque, (
     "allocator", "array", "sparse_array", "model_file", "graph", "halo", "states", "network", "policy", "uwmmse", "regnn",
     "mlp", "igcnet", "pool", "trainer"))

pa_free_fn = CFUNCTYPE(None, c_void_p)
pa_task_fn = CFUNCTYPE(None, c_void_p, c_size_t, c_size_t)
pa_parallel_fn = CFUNCTYPE(c_int32, c_void_p, c_size_t, pa_task_fn, c_void_p)
pa_state_fn = CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64, c_size_t, doubles, doubles)
pa_allocate_fn = CFUNCTYPE(c_int32, c_void_p, pa_states, doubles)
pa_reward_fn = CFUNCTYPE(c_int32, c_void_p, pa_states, doubles, doubles, c_size_t)
pa_reward_gradient_fn = CFUNCTYPE(c_int32, c_void_p, pa_states, doubles, doubles, doubles, c_size_t)
pa_utility_fn = CFUNCTYPE(c_int32, c_void_p, doubles, c_size_t, doubles, doubles)
pa_constraint_fn = CFUNCTYPE(c_int32, c_void_p, doubles, c_size_t, doubles, doubles, c_size_t)
pa_progress_fn = CFUNCTYPE(c_int32, c_void_p, pa_trainer)
pa_exchange_fn = CFUNCTYPE(c_int32, c_void_p, c_void_p, sizes, c_void_p, sizes, c_size_t)
pa_sum_fn = CFUNCTYPE(c_int32, c_void_p, doubles, c_size_t)
pa_gather_fn = CFUNCTYPE(c_int32, c_void_p, doubles, sizes)

# name: (what it returns, [arguments])
FUNCTIONS = {
    # base.h
    "pa_version": (c_uint32, []),
    "pa_version_text": (c_char_p, []),
    "pa_status_name": (c_char_p, [pa_status]),
    "pa_last_error": (c_char_p, []),
    "pa_instruction_set": (c_char_p, []),
    "pa_key_count": (c_size_t, []),
    "pa_key_at": (c_int32, [size_t]),
    "pa_key_find": (c_int32, [c_char_p]),
    "pa_key_name": (c_char_p, [c_int32]),
    "pa_key_description": (c_char_p, [c_int32]),
    "pa_key_unit": (c_char_p, [c_int32]),
    "pa_key_bounds": (pa_status, [c_int32, doubles, doubles, doubles]),
    # units.h
    "pa_db_to_ratio": (c_double, [c_double]),
    "pa_ratio_to_db": (c_double, [c_double]),
    "pa_dbm_to_watts": (c_double, [c_double]),
    "pa_watts_to_dbm": (c_double, [c_double]),
    "pa_thermal_noise": (pa_status, [c_double, c_double, doubles]),
    "pa_parse_power": (pa_status, [c_char_p, doubles]),
    # array.h
    "pa_array_load": (pa_status, [POINTER(pa_array), c_char_p, pa_allocator]),
    "pa_array_free": (None, [pa_array]),
    "pa_array_rank": (c_size_t, [pa_array]),
    "pa_array_extent": (c_size_t, [pa_array, size_t]),
    "pa_array_size": (c_size_t, [pa_array]),
    "pa_array_data": (doubles, [pa_array]),
    "pa_array_save": (pa_status, [c_char_p, size_t, sizes, doubles]),
    "pa_sparse_array_load": (pa_status, [POINTER(pa_sparse_array), c_char_p, pa_allocator]),
    "pa_sparse_array_free": (None, [pa_sparse_array]),
    "pa_sparse_array_batch": (c_size_t, [pa_sparse_array]),
    "pa_sparse_array_rows": (c_size_t, [pa_sparse_array]),
    "pa_sparse_array_entries": (c_size_t, [pa_sparse_array]),
    "pa_sparse_array_indptr": (int64s, [pa_sparse_array]),
    "pa_sparse_array_indices": (int32s, [pa_sparse_array]),
    "pa_sparse_array_data": (doubles, [pa_sparse_array]),
    "pa_sparse_array_save": (pa_status, [c_char_p, size_t, size_t, int64s, int32s, doubles]),
    # model_file.h
    "pa_model_builtin_count": (c_size_t, []),
    "pa_model_builtin_name": (c_char_p, [size_t]),
    "pa_model_file_load": (pa_status, [POINTER(pa_model_file), c_char_p, pa_allocator]),
    "pa_model_file_free": (None, [pa_model_file]),
    "pa_model_file_metadata_count": (c_size_t, [pa_model_file]),
    "pa_model_file_metadata_name": (c_char_p, [pa_model_file, size_t]),
    "pa_model_file_metadata": (c_char_p, [pa_model_file, c_char_p]),
    "pa_model_file_tensor_count": (c_size_t, [pa_model_file]),
    "pa_model_file_tensor_name": (c_char_p, [pa_model_file, size_t]),
    "pa_model_file_tensor_rank": (c_size_t, [pa_model_file, size_t]),
    "pa_model_file_tensor_extent": (c_size_t, [pa_model_file, size_t, size_t]),
    "pa_model_file_tensor_data": (doubles, [pa_model_file, size_t]),
    # graph.h
    "pa_graph_create": (pa_status, [POINTER(pa_graph), size_t, int64s, int32s, pa_allocator]),
    "pa_graph_create_threshold": (pa_status, [POINTER(pa_graph), size_t, doubles, c_double, pa_allocator]),
    "pa_graph_create_positions": (pa_status, [POINTER(pa_graph), size_t, doubles, doubles, c_double, pa_allocator]),
    "pa_graph_create_positions_part": (pa_status, [POINTER(pa_graph), size_t, size_t, doubles, doubles, c_double,
                                                   pa_allocator]),
    "pa_graph_create_rows": (pa_status, [POINTER(pa_graph), size_t, uint64_t, uint64_t, int64s, int64s, pa_allocator]),
    "pa_graph_free": (None, [pa_graph]),
    "pa_graph_links": (c_size_t, [pa_graph]),
    "pa_graph_edges": (c_size_t, [pa_graph]),
    "pa_graph_slots": (c_size_t, [pa_graph]),
    "pa_graph_offset": (int64s, [pa_graph]),
    "pa_graph_end": (int64s, [pa_graph]),
    "pa_graph_receiver": (int32s, [pa_graph]),
    "pa_graph_order": (int32s, [pa_graph]),
    "pa_graph_pick": (pa_status, [pa_graph, doubles, doubles, doubles]),
    "pa_graph_ghost_count": (c_size_t, [pa_graph]),
    "pa_graph_ghosts": (int64s, [pa_graph]),
    "pa_graph_path_gain": (pa_status, [pa_graph, doubles, doubles, c_double, c_double, doubles]),
    # halo.h
    "pa_halo_create": (pa_status, [POINTER(pa_halo), pa_graph, size_t, uint64_t, size_t, sizes, int32s, sizes,
                                   pa_exchange_fn, pa_sum_fn, c_void_p, pa_free_fn, pa_allocator]),
    "pa_halo_free": (None, [pa_halo]),
    "pa_halo_owned": (c_size_t, [pa_halo]),
    "pa_halo_first": (c_uint64, [pa_halo]),
    "pa_halo_refresh": (pa_status, [pa_halo, doubles, size_t]),
    # pool.h
    "pa_pool_create": (pa_status, [POINTER(pa_pool), size_t, pa_allocator]),
    "pa_pool_create_custom": (pa_status, [POINTER(pa_pool), size_t, pa_parallel_fn, c_void_p, pa_free_fn, pa_allocator]),
    "pa_pool_free": (None, [pa_pool]),
    "pa_pool_threads": (c_size_t, [pa_pool]),
    # states.h
    "pa_states_create": (pa_status, [POINTER(pa_states), size_t, size_t, doubles, c_double, c_double, pa_allocator]),
    "pa_states_create_f32": (pa_status, [POINTER(pa_states), size_t, size_t, floats, c_double, c_double, pa_allocator]),
    "pa_states_create_sparse": (pa_status, [POINTER(pa_states), size_t, pa_graph, doubles, c_double, c_double,
                                            pa_allocator]),
    "pa_states_create_sparse_f32": (pa_status, [POINTER(pa_states), size_t, pa_graph, floats, c_double, c_double,
                                                pa_allocator]),
    "pa_states_create_mixed": (pa_status, [POINTER(pa_states), POINTER(pa_states), size_t, pa_allocator]),
    "pa_states_part_count": (c_size_t, [pa_states]),
    "pa_states_part": (pa_states, [pa_states, size_t]),
    "pa_states_powers": (c_size_t, [pa_states]),
    "pa_states_graph": (pa_graph, [pa_states]),
    "pa_states_set_halo": (pa_status, [pa_states, pa_halo]),
    "pa_states_halo": (pa_halo, [pa_states]),
    "pa_states_free": (None, [pa_states]),
    "pa_states_bind": (pa_status, [pa_states, size_t, doubles]),
    "pa_states_bind_f32": (pa_status, [pa_states, size_t, floats]),
    "pa_states_set_noise": (pa_status, [pa_states, doubles, size_t]),
    "pa_states_set_power_limit": (pa_status, [pa_states, doubles, size_t]),
    "pa_states_set_weights": (pa_status, [pa_states, doubles, size_t]),
    "pa_states_set_node_state": (pa_status, [pa_states, doubles, size_t]),
    "pa_states_node_state": (doubles, [pa_states]),
    "pa_states_node_features": (c_size_t, [pa_states]),
    "pa_states_set_start": (pa_status, [pa_states, doubles]),
    "pa_states_start": (doubles, [pa_states]),
    "pa_states_set_first": (pa_status, [pa_states, uint64_t]),
    "pa_states_batch": (c_size_t, [pa_states]),
    "pa_states_links": (c_size_t, [pa_states]),
    "pa_states_channel": (doubles, [pa_states]),
    "pa_states_channel_f32": (floats, [pa_states]),
    "pa_states_noise": (doubles, [pa_states]),
    "pa_states_power_limit": (doubles, [pa_states]),
    "pa_states_weights": (doubles, [pa_states]),
    "pa_states_first": (c_uint64, [pa_states]),
    "pa_sinr": (pa_status, [pa_states, doubles, doubles]),
    "pa_sinr_f32": (pa_status, [pa_states, floats, floats]),
    "pa_rates": (pa_status, [pa_states, doubles, doubles]),
    "pa_rates_f32": (pa_status, [pa_states, floats, floats]),
    # network.h
    "pa_network_create_adhoc": (pa_status, [POINTER(pa_network), size_t, uint64_t, pa_allocator]),
    "pa_network_create_adhoc_family": (pa_status, [POINTER(pa_network), size_t, size_t, c_double, c_double, uint64_t,
                                                   pa_allocator]),
    "pa_network_create_multicell": (pa_status, [POINTER(pa_network), size_t, size_t, uint64_t, pa_allocator]),
    "pa_network_create_path_gain": (pa_status, [POINTER(pa_network), size_t, doubles, uint64_t, pa_allocator]),
    "pa_network_create_positions": (pa_status, [POINTER(pa_network), size_t, doubles, size_t, doubles, int64s,
                                                c_double, uint64_t, pa_allocator]),
    "pa_network_create_callback": (pa_status, [POINTER(pa_network), size_t, size_t, pa_state_fn, c_void_p, pa_free_fn,
                                               pa_allocator]),
    "pa_network_create_sparse_adhoc": (pa_status, [POINTER(pa_network), size_t, size_t, c_double, uint64_t,
                                                   pa_allocator]),
    "pa_network_create_sparse_positions": (pa_status, [POINTER(pa_network), size_t, doubles, doubles, c_double,
                                                       c_double, uint64_t, pa_allocator]),
    "pa_network_create_graph": (pa_status, [POINTER(pa_network), pa_graph, doubles, uint64_t, pa_allocator]),
    "pa_network_reserve": (pa_status, [pa_network, size_t, size_t]),
    "pa_network_join": (pa_status, [pa_network, size_t, doubles, doubles, int64s]),
    "pa_network_leave": (pa_status, [pa_network, size_t, int64s]),
    "pa_network_move": (pa_status, [pa_network, size_t, int64s, doubles, doubles]),
    "pa_network_present": (c_size_t, [pa_network]),
    "pa_network_left_out": (pa_status, [pa_network, doubles, doubles]),
    "pa_network_graph": (pa_graph, [pa_network]),
    "pa_network_features": (c_size_t, [pa_network]),
    "pa_network_free": (None, [pa_network]),
    "pa_network_set": (pa_status, [pa_network, c_int32, c_double]),
    "pa_network_get": (pa_status, [pa_network, c_int32, doubles]),
    "pa_network_set_noise": (pa_status, [pa_network, doubles, size_t]),
    "pa_network_set_power_limit": (pa_status, [pa_network, doubles, size_t]),
    "pa_network_physics": (pa_status, [pa_network, doubles, doubles]),
    "pa_network_links": (c_size_t, [pa_network]),
    "pa_network_links_min": (c_size_t, [pa_network]),
    "pa_network_path_gain": (pa_status, [pa_network, doubles]),
    "pa_network_positions": (pa_status, [pa_network, doubles, doubles]),
    "pa_network_draw": (pa_status, [pa_network, uint64_t, uint64_t, size_t, doubles]),
    "pa_network_draw_states": (pa_status, [pa_network, uint64_t, uint64_t, size_t, POINTER(pa_states), pa_allocator]),
    # policy.h
    "pa_policy_create": (pa_status, [POINTER(pa_policy), c_char_p, pa_allocator]),
    "pa_policy_kind_count": (c_size_t, []),
    "pa_policy_kind_name": (c_char_p, [size_t]),
    "pa_policy_create_callback": (pa_status, [POINTER(pa_policy), pa_allocate_fn, c_void_p, pa_free_fn, pa_allocator]),
    "pa_policy_load": (pa_status, [POINTER(pa_policy), c_char_p, pa_allocator]),
    "pa_policy_save": (pa_status, [pa_policy, c_char_p, c_char_p]),
    "pa_policy_free": (None, [pa_policy]),
    "pa_policy_name": (c_char_p, [pa_policy]),
    "pa_policy_set": (pa_status, [pa_policy, c_int32, c_double]),
    "pa_policy_get": (pa_status, [pa_policy, c_int32, doubles]),
    "pa_policy_workspace": (pa_status, [pa_policy, size_t, size_t, sizes]),
    "pa_policy_workspace_f32": (pa_status, [pa_policy, size_t, size_t, sizes]),
    "pa_policy_allocate": (pa_status, [pa_policy, pa_states, doubles, c_void_p, size_t]),
    "pa_policy_allocate_f32": (pa_status, [pa_policy, pa_states, floats, c_void_p, size_t]),
    "pa_policy_workspace_parallel": (pa_status, [pa_policy, size_t, size_t, pa_pool, sizes]),
    "pa_policy_workspace_parallel_f32": (pa_status, [pa_policy, size_t, size_t, pa_pool, sizes]),
    "pa_policy_workspace_states": (pa_status, [pa_policy, pa_states, pa_pool, sizes]),
    "pa_policy_allocate_part": (pa_status, [pa_policy, pa_states, size_t, size_t, doubles]),
    "pa_policy_allocate_parallel": (pa_status, [pa_policy, pa_states, doubles, pa_pool, c_void_p, size_t]),
    "pa_policy_allocate_parallel_f32": (pa_status, [pa_policy, pa_states, floats, pa_pool, c_void_p, size_t]),
    "pa_policy_certify": (pa_status, [pa_policy, pa_states, doubles, doubles]),
    "pa_policy_output_count": (c_size_t, [pa_policy]),
    "pa_policy_probabilities": (pa_status, [pa_policy, pa_states, doubles]),
    "pa_policy_meet_budget": (pa_status, [pa_policy, pa_states, c_double]),
    # uwmmse.h
    "pa_uwmmse_create": (pa_status, [POINTER(pa_uwmmse), c_int32, size_t, size_t, uint64_t, pa_allocator]),
    "pa_uwmmse_load": (pa_status, [POINTER(pa_uwmmse), c_char_p, pa_allocator]),
    "pa_uwmmse_save": (pa_status, [pa_uwmmse, c_char_p, c_char_p]),
    "pa_uwmmse_free": (None, [pa_uwmmse]),
    "pa_uwmmse_policy": (pa_policy, [pa_uwmmse]),
    "pa_uwmmse_architecture": (c_int32, [pa_uwmmse]),
    "pa_uwmmse_layers": (c_size_t, [pa_uwmmse]),
    "pa_uwmmse_hidden": (c_size_t, [pa_uwmmse]),
    "pa_policy_uwmmse": (pa_uwmmse, [pa_policy]),
    "pa_uwmmse_weight_count": (c_size_t, [pa_uwmmse]),
    "pa_uwmmse_get_weights": (pa_status, [pa_uwmmse, doubles, size_t]),
    "pa_uwmmse_set_weights": (pa_status, [pa_uwmmse, doubles, size_t]),
    "pa_uwmmse_gradient": (pa_status, [pa_uwmmse, pa_states, doubles, doubles, size_t]),
    # regnn.h
    "pa_regnn_create": (pa_status, [POINTER(pa_regnn), int32s, doubles, size_t, uint64_t, pa_allocator]),
    "pa_regnn_load": (pa_status, [POINTER(pa_regnn), c_char_p, pa_allocator]),
    "pa_regnn_save": (pa_status, [pa_regnn, c_char_p, c_char_p]),
    "pa_regnn_free": (None, [pa_regnn]),
    "pa_regnn_policy": (pa_policy, [pa_regnn]),
    "pa_policy_regnn": (pa_regnn, [pa_policy]),
    "pa_regnn_option": (pa_status, [pa_regnn, c_int32, doubles]),
    "pa_regnn_weight_count": (c_size_t, [pa_regnn]),
    "pa_regnn_get_weights": (pa_status, [pa_regnn, doubles, size_t]),
    "pa_regnn_set_weights": (pa_status, [pa_regnn, doubles, size_t]),
    "pa_regnn_set_link_weights": (pa_status, [pa_regnn, doubles, size_t]),
    "pa_regnn_link_weights": (c_size_t, [pa_regnn, doubles]),
    # mlp.h
    "pa_mlp_create": (pa_status, [POINTER(pa_mlp), c_int32, size_t, sizes, size_t, c_int32, uint64_t, pa_allocator]),
    "pa_mlp_load": (pa_status, [POINTER(pa_mlp), c_char_p, pa_allocator]),
    "pa_mlp_save": (pa_status, [pa_mlp, c_char_p, c_char_p]),
    "pa_mlp_free": (None, [pa_mlp]),
    "pa_mlp_policy": (pa_policy, [pa_mlp]),
    "pa_policy_mlp": (pa_mlp, [pa_policy]),
    "pa_mlp_kind": (c_int32, [pa_mlp]),
    "pa_mlp_links": (c_size_t, [pa_mlp]),
    "pa_mlp_weight_count": (c_size_t, [pa_mlp]),
    "pa_mlp_get_weights": (pa_status, [pa_mlp, doubles, size_t]),
    "pa_mlp_set_weights": (pa_status, [pa_mlp, doubles, size_t]),
    # igcnet.h
    "pa_igcnet_create": (pa_status, [POINTER(pa_igcnet), size_t, size_t, size_t, c_int32, uint64_t, pa_allocator]),
    "pa_igcnet_load": (pa_status, [POINTER(pa_igcnet), c_char_p, pa_allocator]),
    "pa_igcnet_save": (pa_status, [pa_igcnet, c_char_p, c_char_p]),
    "pa_igcnet_free": (None, [pa_igcnet]),
    "pa_igcnet_policy": (pa_policy, [pa_igcnet]),
    "pa_policy_igcnet": (pa_igcnet, [pa_policy]),
    "pa_igcnet_weight_count": (c_size_t, [pa_igcnet]),
    "pa_igcnet_get_weights": (pa_status, [pa_igcnet, doubles, size_t]),
    "pa_igcnet_set_weights": (pa_status, [pa_igcnet, doubles, size_t]),
    # reward.h
    "pa_reward_capacity": (c_int32, [c_void_p, pa_states, doubles, doubles, size_t]),
    "pa_reward_capacity_gradient": (c_int32, [c_void_p, pa_states, doubles, doubles, doubles, size_t]),
    "pa_reward_capacity_over_lifetime": (c_int32, [c_void_p, pa_states, doubles, doubles, size_t]),
    "pa_reward_control_cost": (c_int32, [c_void_p, pa_states, doubles, doubles, size_t]),
    "pa_reward_control_success": (c_int32, [c_void_p, pa_states, doubles, doubles, size_t]),
    # trainer.h
    "pa_trainer_create": (pa_status, [POINTER(pa_trainer), pa_policy, pa_network, uint64_t, pa_allocator]),
    "pa_trainer_create_on_states": (pa_status, [POINTER(pa_trainer), pa_policy, pa_states, uint64_t, pa_allocator]),
    "pa_trainer_links": (c_size_t, [pa_trainer]),
    "pa_trainer_rewards": (c_size_t, [pa_trainer]),
    "pa_trainer_free": (None, [pa_trainer]),
    "pa_trainer_set": (pa_status, [pa_trainer, c_int32, c_double]),
    "pa_trainer_get": (pa_status, [pa_trainer, c_int32, doubles]),
    "pa_trainer_set_teacher": (pa_status, [pa_trainer, pa_policy]),
    "pa_trainer_set_pool": (pa_status, [pa_trainer, pa_pool]),
    "pa_trainer_set_ranks": (pa_status, [pa_trainer, size_t, size_t, pa_gather_fn, c_void_p, pa_free_fn]),
    "pa_trainer_set_reward": (pa_status, [pa_trainer, size_t, pa_reward_fn, c_void_p, pa_free_fn]),
    "pa_trainer_set_reward_gradient": (pa_status, [pa_trainer, pa_reward_gradient_fn]),
    "pa_trainer_set_utility": (pa_status, [pa_trainer, c_int32, doubles, size_t]),
    "pa_trainer_set_utility_callback": (pa_status, [pa_trainer, pa_utility_fn, c_void_p, pa_free_fn]),
    "pa_trainer_add_constraint": (pa_status, [pa_trainer, c_int32, doubles, size_t]),
    "pa_trainer_add_constraint_callback": (pa_status, [pa_trainer, size_t, pa_constraint_fn, c_void_p, pa_free_fn]),
    "pa_trainer_constraint_count": (c_size_t, [pa_trainer]),
    "pa_trainer_constraints": (pa_status, [pa_trainer, doubles, doubles, size_t]),
    "pa_trainer_mean_rewards": (pa_status, [pa_trainer, doubles, size_t]),
    "pa_trainer_link_weights": (pa_status, [pa_trainer, doubles, size_t]),
    "pa_trainer_set_progress": (pa_status, [pa_trainer, uint64_t, pa_progress_fn, c_void_p, pa_free_fn]),
    "pa_trainer_run": (pa_status, [pa_trainer, uint64_t]),
    "pa_trainer_request_stop": (None, [pa_trainer]),
    "pa_trainer_stat": (pa_status, [pa_trainer, c_int32, doubles]),
    "pa_trainer_save": (pa_status, [pa_trainer, c_char_p]),
    "pa_trainer_resume": (pa_status, [pa_trainer, c_char_p]),
}
